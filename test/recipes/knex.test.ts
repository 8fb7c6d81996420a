import knex from 'knex';
import { knexStorage } from '../../examples/recipes/knex.ts';
import { testRecipe } from './recipe.ts';

testRecipe('Knex', 'PostgreSQL', (connection) => {
  const pool = knex({ client: 'pg', connection });
  return { adapter: knexStorage(pool), close: () => pool.destroy() };
});
