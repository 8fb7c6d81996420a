import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { PostgresServer } from '../../servers/postgres-server.ts';

/** Runs a statement, in which `?` marks a parameter, and returns the rows. */
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<readonly Row[]>;
export type Row = Readonly<Record<string, unknown>>;

export type Connection = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

/** A server with the tables of the recipes. */
export type Database = {
  readonly connection: Connection;
  /** The end of an INSERT that replaces a row of `memberships`. */
  readonly replacingMembership: string;
  /** Creates a trigger: an invite with the reason `lose` fails like a transaction that loses against another. */
  createLosingTrigger(): Promise<void>;
  query: Query;
  transact<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** Kills the server and starts it again. */
  crash(): Promise<void>;
  close(): Promise<void>;
};

const tablesOf = (name: string) =>
  readFileSync(new URL(`../../examples/recipes/${name}.sql`, import.meta.url), 'utf8');

export async function openPostgres(): Promise<Database> {
  const server = await PostgresServer.start();
  const pool = server.pool();
  const queryOf =
    (client: pg.Pool | pg.PoolClient): Query =>
    async (sql, parameters = []) => {
      let index = 0;
      const numbered = sql.replaceAll('?', () => `$${++index}`);
      return (await client.query<Row>(numbered, [...parameters])).rows;
    };
  // A crash of the server does not lose what it has written to files, and here the machine never crashes.
  await pool.query('ALTER SYSTEM SET fsync = off');
  await pool.query('SELECT pg_reload_conf()');
  await pool.query(tablesOf('postgresql'));
  return {
    connection: server.connection,
    replacingMembership: `ON CONFLICT (room_id, user_id) DO UPDATE
      SET status = EXCLUDED.status, changed_by = EXCLUDED.changed_by, invite = NULL`,
    async createLosingTrigger() {
      await pool.query(`
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE serialization_failure; END $$;
        CREATE TRIGGER losing BEFORE INSERT ON memberships FOR EACH ROW
          WHEN (NEW.invite LIKE '%"lose"%') EXECUTE FUNCTION lose()`);
    },
    query: queryOf(pool),
    async transact(work) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const result = await work(queryOf(client));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      } finally {
        client.release();
      }
    },
    async crash() {
      await server.stop('SIGQUIT');
      await server.startAgain();
    },
    close: () => server.close(),
  };
}
