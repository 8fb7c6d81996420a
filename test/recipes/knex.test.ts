import knex from 'knex';
import { knexStorage } from '../../examples/recipes/knex.ts';
import { testRecipe } from './recipe.ts';

for (const [on, client] of [
  ['PostgreSQL', 'pg'],
  ['MariaDB', 'mysql2'],
] as const) {
  testRecipe('Knex', on, (connection) => {
    const database = knex({ client, connection });
    return { adapter: knexStorage(database), close: () => database.destroy() };
  });
}
