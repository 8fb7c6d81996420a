import { randomUUID } from 'node:crypto';
import mysql from 'mysql2/promise';
import { startInstead } from './debian-package.ts';
import { MariadbServer } from './mariadb-server.ts';
import { Pools } from './pools.ts';

/** A MariaDB or MySQL server that tests may use, such as `mysql://root:secret@127.0.0.1:3306`. */
const URL_VARIABLE = 'TEST_MYSQL_URL';

/**
 * An empty MariaDB database for one test file. It is on the server of `TEST_MYSQL_URL`, or else on a server that is
 * started for the file.
 */
export class TestMariadb {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly #server: MariadbServer | undefined;
  readonly #admin: mysql.Pool;
  readonly #pools = new Pools(mysql.createPool);
  readonly #names: string[] = [];

  private constructor(serverUrl: string, server: MariadbServer | undefined) {
    this.#server = server;
    const url = new URL(serverUrl);
    this.host = url.hostname;
    this.port = Number(url.port || 3306);
    // Separate from the other pools: it drops the databases after those have ended.
    this.#admin = mysql.createPool({ uri: url.href, connectionLimit: 1 });
    this.url = withDatabase(url, this.#newName());
  }

  /** @throws {Error} if there is no server, or if it does not let its user create databases */
  static async open(): Promise<TestMariadb> {
    const url = process.env[URL_VARIABLE];
    const server = url ? undefined : await startInstead(URL_VARIABLE, MariadbServer.start);
    const database = new TestMariadb(server?.url ?? url ?? '', server);
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
  pool(options: mysql.PoolOptions = {}): mysql.Pool {
    return this.#pools.open({ uri: this.url, ...options });
  }

  /** Ends the pools that are open now, so that a file with many tests does not use up the server's connections. */
  endPools(): Promise<void> {
    return this.#pools.end();
  }

  /** Creates one more empty database and returns its URL. `close()` drops it. */
  async newDatabase(): Promise<string> {
    const name = this.#newName();
    await this.#create(name);
    return withDatabase(new URL(this.url), name);
  }

  /** Drops the databases. Stops the server if it was started for this file. */
  async close(): Promise<void> {
    await this.#pools.end();
    try {
      for (const name of this.#names.splice(0)) await this.#admin.query(`DROP DATABASE IF EXISTS ${name}`);
    } finally {
      await this.#admin.end();
      await this.#server?.close();
    }
  }

  #newName(): string {
    const name = `invite_test_${randomUUID().replaceAll('-', '')}`;
    this.#names.push(name);
    return name;
  }

  /** The default collation of MySQL 8 and of MariaDB's packages, or close to it: it folds case and accents, and pads. */
  async #create(name: string): Promise<void> {
    await this.#admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`);
  }
}

function withDatabase(server: URL, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
