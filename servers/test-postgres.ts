import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { startInstead } from './debian-package.ts';
import { Pools } from './pools.ts';
import { openPool, PostgresServer } from './postgres-server.ts';

/** A PostgreSQL server that tests may use, such as `postgres://postgres:secret@127.0.0.1:5432/postgres`. */
const URL_VARIABLE = 'TEST_DATABASE_URL';

/**
 * An empty PostgreSQL database for one test file. It is on the server of `TEST_DATABASE_URL`, or else on a server that
 * is started for the file.
 */
export class TestPostgres {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly #connection: pg.ClientConfig;
  readonly #server: PostgresServer | undefined;
  readonly #admin: pg.Pool;
  readonly #pools = new Pools(openPool);
  readonly #names: string[] = [];

  private constructor(connection: GivenConnection, server: PostgresServer | undefined) {
    this.host = connection.host;
    this.port = connection.port;
    this.#server = server;
    // Separate from the other pools: it drops the databases after those have ended.
    this.#admin = new pg.Pool({ ...connection, max: 1 });
    this.#admin.on('error', () => {});
    const database = newName();
    this.#names.push(database);
    this.#connection = { ...connection, database };
    this.url = urlOf({ ...connection, database });
  }

  /** @throws {Error} if there is no server, or if it does not let its user create databases */
  static async open(): Promise<TestPostgres> {
    const url = process.env[URL_VARIABLE];
    const server = url ? undefined : await startInstead(URL_VARIABLE, PostgresServer.start);
    const database = new TestPostgres(server?.connection ?? connectionOf(url ?? ''), server);
    try {
      for (const name of database.#names) await database.#create(name);
    } catch (cause) {
      await database.close().catch(() => {});
      const message = `Cannot create a database on the server of ${URL_VARIABLE}: ${(cause as Error).message}`;
      throw new Error(message, { cause });
    }
    return database;
  }

  /** Opens a connection pool. `close()` ends it. */
  pool(config: pg.PoolConfig = {}): pg.Pool {
    return this.#pools.open({ ...this.#connection, ...config });
  }

  /** Ends the pools that are open now, so that a file with many tests does not use up the server's connections. */
  endPools(): Promise<void> {
    return this.#pools.end();
  }

  /** Creates one more empty database and returns a pool on it. `close()` drops it. */
  async newDatabase(): Promise<pg.Pool> {
    const name = newName();
    this.#names.push(name);
    await this.#create(name);
    return this.pool({ database: name });
  }

  /** Drops the databases. Stops the server if it was started for this file. */
  async close(): Promise<void> {
    await this.#pools.end();
    try {
      for (const name of this.#names.splice(0)) {
        await this.#admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }
    } finally {
      await this.#admin.end();
      await this.#server?.close();
    }
  }

  /** The encoding and locale are those of a `PostgresServer`, whatever the server's defaults are. */
  async #create(name: string): Promise<void> {
    await this.#admin.query(
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
  }
}

type GivenConnection = {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
};

function newName(): string {
  return `invite_test_${randomUUID().replaceAll('-', '')}`;
}

/** @throws {Error} for a URL that asks for TLS: tests read the protocol between client and server */
function connectionOf(url: string): GivenConnection {
  const { host, port, user, password, database, ssl } = new pg.Client({ connectionString: url });
  if (ssl) throw new Error(`${URL_VARIABLE} must name a server without TLS`);
  return { host, port, user, password: password ?? undefined, database };
}

function urlOf({ host, port, user = '', password, database }: GivenConnection): string {
  const url = new URL(`postgres://localhost/${database}`);
  url.hostname = host;
  url.port = String(port);
  url.username = encodeURIComponent(user);
  if (password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
}
