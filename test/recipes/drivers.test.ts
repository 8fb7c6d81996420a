import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { mysql2Storage } from '../../examples/recipes/mysql2.ts';
import { pgStorage } from '../../examples/recipes/pg.ts';
import { testRecipe } from './recipe.ts';

testRecipe('pg', 'PostgreSQL', (connection) => {
  const pool = new pg.Pool(connection);
  // As the page says: without listeners, a broken connection ends the process.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  return { adapter: pgStorage(pool), close: () => pool.end() };
});

testRecipe('mysql2', 'MariaDB', (connection) => {
  const pool = createPool(connection);
  return { adapter: mysql2Storage(pool), close: () => pool.end() };
});
