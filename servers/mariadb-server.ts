import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import mysql from 'mysql2/promise';
import { installedCommand } from './debian-package.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { Pools } from './pools.ts';
import { startOnFreePort } from './start-on-free-port.ts';
import { unprivilegedAccount } from './unprivileged-account.ts';

/** Debian's scripts that create and fill the system tables. `mariadb-install-db` runs the same ones. */
const SYSTEM_TABLES = ['mysql_system_tables.sql', 'mysql_system_tables_data.sql'];
const SCRIPTS_FOLDER = '/usr/share/mysql';

export type MariadbConnection = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

/**
 * A private MariaDB server on a free port, with its data in a temporary folder. A commit that it acknowledges is on disk.
 * For tests that stop, kill or reconfigure the server; other tests use `TestMariadb`.
 */
export class MariadbServer {
  readonly port: number;
  readonly #binary: string;
  readonly #folder: string;
  readonly #parameters: readonly string[];
  readonly #pools = new Pools(mysql.createPool);
  #process: ChildProcess | undefined;

  private constructor(port: number, binary: string, folder: string, parameters: readonly string[]) {
    this.port = port;
    this.#binary = binary;
    this.#folder = folder;
    this.#parameters = parameters;
    process.once('exit', this.#killNow);
  }

  /**
   * @param parameters for the command line, such as `['--read-only']`
   * @throws {Error} with the command that installs MariaDB, if it is missing and cannot be installed
   */
  static async start(parameters: readonly string[] = []): Promise<MariadbServer> {
    // The package mariadb-server also installs a system service, an account and three times as much.
    const binary = await installedCommand('mariadbd', 'mariadb-server-core');
    return startOnFreePort(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'invite-mariadb-'));
      await createSystemTables(binary, folder);
      return new MariadbServer(await freePort(), binary, folder, parameters);
    });
  }

  /** Opens a connection pool. `close()` ends it. */
  pool(options: mysql.PoolOptions = {}): mysql.Pool {
    return this.#pools.open({ ...this.connection, ...options });
  }

  get connection(): MariadbConnection {
    return { host: '127.0.0.1', port: this.port, user: 'root', database: 'mysql' };
  }

  /** The process ID; undefined while the server is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get url(): string {
    const { host, port, user, database } = this.connection;
    return `mysql://${user}@${host}:${port}/${database}`;
  }

  /** Starts a stopped server again, on the same folder and port. */
  async startAgain(parameters: readonly string[] = []): Promise<void> {
    const child = spawn(
      this.#binary,
      [
        ...COMMON_PARAMETERS,
        `--datadir=${this.#folder}`,
        `--port=${this.port}`,
        '--bind-address=127.0.0.1',
        '--socket=mariadb.sock',
        '--pid-file=mariadb.pid',
        '--skip-name-resolve',
        '--max-connections=200',
        ...this.#parameters,
        ...parameters,
      ],
      { ...unprivilegedAccount(), cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = child;
    let output = '';
    child.stderr.on('data', (chunk) => {
      output = `${output}${chunk}`.slice(-2_000);
    });
    await Promise.race([
      once(child, 'exit'),
      eventually(
        'MariaDB accepts connections',
        // Another server may have taken the port.
        async () => (await dataFolderOf(this.connection)) === `${this.#folder}/`,
      ),
    ]);
    if (child.exitCode !== null) throw new Error(`MariaDB did not start: ${output.trim()}`);
  }

  /** Stops the server. `SIGTERM` is an orderly shutdown; `SIGKILL` is a crash. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Pauses (`SIGSTOP`) or resumes (`SIGCONT`) the server. While paused, it keeps its connections and sends nothing. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#process?.kill(signal) !== true) throw new Error('The server is not running');
  }

  /** Ends the pools, kills the server and removes its folder. */
  async close(): Promise<void> {
    await this.#pools.end();
    await this.stop('SIGKILL');
    process.off('exit', this.#killNow);
    await rm(this.#folder, { recursive: true, force: true });
  }

  readonly #killNow = () => {
    this.#process?.kill('SIGKILL');
  };
}

/**
 * Small files and buffers, for a quick start. A server that starts deletes all temporary tables in `tmpdir`, by default
 * `/tmp`, including those of other servers. `--no-defaults` has to be the first parameter.
 */
const COMMON_PARAMETERS = [
  '--no-defaults',
  '--tmpdir=.',
  '--innodb-log-file-size=16M',
  '--innodb-buffer-pool-size=32M',
];

/** Fills an empty data folder. `mariadb-install-db` does the same, but needs more packages and syncs each file. */
async function createSystemTables(binary: string, folder: string): Promise<void> {
  const account = unprivilegedAccount();
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  const scripts = await Promise.all(
    SYSTEM_TABLES.map((name) => readFile(join(SCRIPTS_FOLDER, name), 'utf8')),
  );
  const withoutSync = ['--innodb-flush-method=nosync', '--innodb-flush-log-at-trx-commit=0'];
  const child = spawn(binary, [...COMMON_PARAMETERS, '--bootstrap', `--datadir=${folder}`, ...withoutSync], {
    ...account,
    cwd: folder,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const output = text(child.stderr);
  const exited = once(child, 'exit');
  // Without this variable, root may only log in through the socket.
  child.stdin.end(
    ['CREATE DATABASE mysql;', 'USE mysql;', 'SET @auth_root_socket = NULL;', ...scripts].join('\n'),
  );
  const [exitCode] = await exited;
  if (exitCode !== 0) throw new Error(`MariaDB cannot create its tables: ${(await output).trim()}`);
}

/** Returns a server's data folder. */
async function dataFolderOf(connection: mysql.ConnectionOptions): Promise<string> {
  const client = await mysql.createConnection(connection);
  try {
    const [rows] = await client.query<mysql.RowDataPacket[]>('SELECT @@datadir AS folder');
    return rows[0]?.folder ?? '';
  } finally {
    client.destroy();
  }
}
