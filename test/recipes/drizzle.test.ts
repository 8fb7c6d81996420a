import { drizzle } from 'drizzle-orm/mysql2';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { drizzleStorage as mariadbStorage } from '../../examples/recipes/drizzle-mariadb.ts';
import { drizzleStorage as postgresStorage } from '../../examples/recipes/drizzle-postgresql.ts';
import { testRecipe } from './recipe.ts';

testRecipe('Drizzle', 'PostgreSQL', (connection) => {
  const pool = new pg.Pool(connection);
  // As the page says: without listeners, a broken connection ends the process.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  return { adapter: postgresStorage(pool), close: () => pool.end() };
});

testRecipe('Drizzle', 'MariaDB', (connection) => {
  const pool = createPool(connection);
  return { adapter: mariadbStorage(drizzle(pool)), close: () => pool.end() };
});
