import { Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import { createPool } from 'mysql2';
import pg from 'pg';
import { kyselyStorage, type Tables } from '../../examples/recipes/kysely.ts';
import { testRecipe } from './recipe.ts';

testRecipe('Kysely', 'PostgreSQL', (connection) => {
  const pool = new pg.Pool(connection);
  // As the page says: without listeners, a broken connection ends the process.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { adapter: kyselyStorage(database, 'postgres'), close: () => database.destroy() };
});

testRecipe('Kysely', 'MariaDB', (connection) => {
  const database = new Kysely<Tables>({ dialect: new MysqlDialect({ pool: createPool(connection) }) });
  return { adapter: kyselyStorage(database, 'mysql'), close: () => database.destroy() };
});
