import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { installedFile } from './debian-package.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { Pools } from './pools.ts';
import { startOnFreePort } from './start-on-free-port.ts';
import { unprivilegedAccount } from './unprivileged-account.ts';

const run = promisify(execFile);

/** Debian installs each version of PostgreSQL in its own folder here, not on the PATH. */
const VERSIONS_FOLDER = '/usr/lib/postgresql';

export type PostgresConnection = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

/**
 * A private PostgreSQL server on a free port, with its data in a temporary folder. For tests that stop, crash or
 * reconfigure the server; other tests use `TestPostgres`.
 */
export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #binaries: string;
  readonly #pools = new Pools(openPool);
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, binaries: string) {
    this.port = port;
    this.#folder = folder;
    this.#binaries = binaries;
  }

  /** @throws {Error} with the command that installs PostgreSQL, if it is missing and cannot be installed */
  static async start(): Promise<PostgresServer> {
    const binaries = await installedFile('postgresql', newestBinaries);
    return startOnFreePort(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'invite-postgres-'));
      const account = unprivilegedAccount();
      if (account !== undefined) await chown(folder, account.uid, account.gid);
      await run(
        join(binaries, 'initdb'),
        ['-D', folder, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
        { ...account, cwd: folder },
      );
      return new PostgresServer(await freePort(), folder, binaries);
    });
  }

  /** Opens a connection pool. `close()` ends it. */
  pool(config: pg.PoolConfig = {}): pg.Pool {
    return this.#pools.open({ ...this.connection, ...config });
  }

  get connection(): PostgresConnection {
    return { host: '127.0.0.1', port: this.port, user: 'postgres', database: 'postgres' };
  }

  /** Starts a stopped server again, on the same folder and port. */
  async startAgain(): Promise<void> {
    const child = spawn(
      join(this.#binaries, 'postgres'),
      ['-D', this.#folder, '-p', String(this.port), '-h', '127.0.0.1', '-k', '', '-c', 'max_connections=200'],
      { ...unprivilegedAccount(), cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = child;
    let output = '';
    child.stderr.on('data', (text) => {
      output = `${output}${text}`.slice(-1_000);
    });
    await Promise.race([
      once(child, 'exit'),
      eventually(
        'PostgreSQL accepts connections',
        async () => (await dataFolderOf(this.connection)) === this.#folder,
      ),
    ]);
    if (child.exitCode !== null) throw new Error(`PostgreSQL did not start: ${output.trim()}`);
  }

  /** Stops the server. `SIGINT` is a fast shutdown; `SIGQUIT` is an immediate one, like a crash. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Pauses (`SIGSTOP`) or resumes (`SIGCONT`) the server and its backend processes. */
  async signalAll(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const parent = this.#process?.pid;
    if (parent === undefined) throw new Error('The server is not running');
    const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
    for (const pid of [parent, ...children.split(' ').map(Number).filter(Boolean)]) process.kill(pid, signal);
  }

  /** Ends the pools, stops the server and removes its folder. */
  async close(): Promise<void> {
    await this.#pools.end();
    await this.stop('SIGQUIT');
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** For `Pools`. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  // Idle connections break when a test stops the server. Without a listener, that would end the process.
  pool.on('error', () => {});
  return pool;
}

/** Returns a server's data folder: another server may have taken the port. */
async function dataFolderOf(connection: pg.ClientConfig): Promise<string> {
  const client = new pg.Client(connection);
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string }>(
      `SELECT current_setting('data_directory') AS folder`,
    );
    return rows[0]?.folder ?? '';
  } finally {
    await client.end().catch(() => {});
  }
}

/** Returns true if a client can connect. */
export async function acceptsConnections(connection: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client(connection);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function newestBinaries(): Promise<string | undefined> {
  const versions = await readdir(VERSIONS_FOLDER).catch(() => []);
  const [newest] = versions
    .filter((name) => /^\d+$/.test(name))
    .sort((one, other) => Number(other) - Number(one));
  return newest === undefined ? undefined : join(VERSIONS_FOLDER, newest, 'bin');
}
