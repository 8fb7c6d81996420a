import { readFileSync } from 'node:fs';
import type mysql from 'mysql2/promise';
import type pg from 'pg';
import { MariadbServer } from '../../servers/mariadb-server.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';

type Row = Readonly<Record<string, unknown>>;

/** Runs a statement, in which `?` marks a parameter, and returns the rows. */
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<readonly Row[]>;

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
  query: Query;
  transact<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /**
   * Creates a trigger. An invite with the reason `lose` fails like a transaction that loses against another, and one with
   * the reason `fail secretly` with an error that no recipe knows.
   */
  createTrigger(): Promise<unknown>;
  /** Kills the server and starts it again. */
  crash(): Promise<void>;
  close(): Promise<void>;
};

// The servers write commits to files without waiting for the disk: the tests crash the server, not the machine.

export async function openPostgres(): Promise<Database> {
  const server = await PostgresServer.start();
  const pool = server.pool();
  await pool.query(`ALTER SYSTEM SET fsync = off`);
  await pool.query(`SELECT pg_reload_conf()`);
  await pool.query(tablesOf('postgresql'));
  const queryOn =
    (client: pg.Pool | pg.PoolClient): Query =>
    async (sql, parameters = []) => {
      let index = 0;
      const numbered = sql.replaceAll('?', () => `$${++index}`);
      return (await client.query<Row>(numbered, [...parameters])).rows;
    };
  return {
    connection: server.connection,
    replacingMembership: `ON CONFLICT (room_id, user_id) DO UPDATE
      SET status = EXCLUDED.status, changed_by = EXCLUDED.changed_by, invite = NULL`,
    query: queryOn(pool),
    transact: (work) => transact(pool.connect(), queryOn, work),
    createTrigger: () =>
      pool.query(`
        CREATE FUNCTION check_invite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.invite LIKE '%"lose"%' THEN RAISE serialization_failure; END IF;
          IF NEW.invite LIKE '%fail secretly%' THEN RAISE EXCEPTION 'broken'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER check_invite BEFORE INSERT ON memberships FOR EACH ROW EXECUTE FUNCTION check_invite()`),
    async crash() {
      await server.stop('SIGQUIT');
      await server.startAgain();
    },
    close: () => server.close(),
  };
}

export async function openMariadb(): Promise<Database> {
  const server = await MariadbServer.start(['--innodb-flush-log-at-trx-commit=2']);
  await server.pool().query('CREATE DATABASE chat');
  const connection = { ...server.connection, database: 'chat' };
  const pool = server.pool({ ...connection, multipleStatements: true });
  await pool.query(tablesOf('mariadb'));
  const queryOn =
    (client: mysql.Pool | mysql.PoolConnection): Query =>
    async (sql, parameters = []) => {
      const [rows] = await client.query<mysql.RowDataPacket[]>(sql, [...parameters] as mysql.QueryValues);
      return rows;
    };
  return {
    connection,
    replacingMembership:
      'ON DUPLICATE KEY UPDATE status = VALUES(status), changed_by = VALUES(changed_by), invite = NULL',
    query: queryOn(pool),
    transact: (work) => transact(pool.getConnection(), queryOn, work),
    createTrigger: () =>
      pool.query(`
        CREATE TRIGGER check_invite BEFORE INSERT ON memberships FOR EACH ROW BEGIN
          IF NEW.invite LIKE '%"lose"%' THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF;
          IF NEW.invite LIKE '%fail secretly%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'broken'; END IF;
        END`),
    async crash() {
      await server.stop('SIGKILL');
      await server.startAgain();
    },
    close: () => server.close(),
  };
}

function tablesOf(name: string): string {
  return readFileSync(new URL(`../../examples/recipes/${name}.sql`, import.meta.url), 'utf8');
}

async function transact<Client extends { release(): void }, T>(
  connecting: Promise<Client>,
  queryOn: (client: Client) => Query,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  const client = await connecting;
  const query = queryOn(client);
  try {
    await query('BEGIN');
    const result = await work(query);
    await query('COMMIT');
    return result;
  } catch (error) {
    await query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
