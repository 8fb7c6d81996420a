import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { installedFile } from './debian-package.ts';

const run = promisify(execFile);

const BINARIES = '/usr/lib/postgresql';
/** PostgreSQL refuses to run as root; the ids of `nobody` on Debian. */
const NOBODY = 65_534;

/** A PostgreSQL server of a test's own, on a free port and in a folder of its own. */
export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #binaries: string;
  #process: ChildProcess | undefined;
  #pools: pg.Pool[] = [];

  private constructor(port: number, folder: string, binaries: string) {
    this.port = port;
    this.#folder = folder;
    this.#binaries = binaries;
  }

  /** @throws {Error} with the command that would help, where PostgreSQL is neither installed nor can be */
  static async start(): Promise<PostgresServer> {
    const binaries = await installedFile('postgresql', newestBinaries);
    const folder = await mkdtemp(join(tmpdir(), 'invite-postgres-'));
    const account = accountOf();
    if (account !== undefined) await chown(folder, account.uid, account.gid);
    await run(
      join(binaries, 'initdb'),
      ['-D', folder, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      { ...account, cwd: folder },
    );
    const server = new PostgresServer(await freePort(), folder, binaries);
    await server.startAgain();
    return server;
  }

  /** A pool of connections, ended with the server. */
  pool(config: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ ...this.connection, ...config });
    // Idle connections break when the server is stopped: pg tells so here.
    pool.on('error', () => {});
    this.#pools.push(pool);
    return pool;
  }

  get connection(): { host: string; port: number; user: string; database: string } {
    return { host: '127.0.0.1', port: this.port, user: 'postgres', database: 'postgres' };
  }

  /** Starts the stopped or killed server on the same folder and port. */
  async startAgain(): Promise<void> {
    this.#process = spawn(
      join(this.#binaries, 'postgres'),
      ['-D', this.#folder, '-p', String(this.port), '-h', '127.0.0.1', '-k', '', '-c', 'max_connections=200'],
      { ...accountOf(), cwd: this.#folder, stdio: 'ignore' },
    );
    await this.#answers();
  }

  /** `SIGINT`: fast; `SIGQUIT`: immediate, as a crash. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Stops (`SIGSTOP`) or resumes (`SIGCONT`) the server and every process that serves a connection. */
  async signalAll(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const parent = this.#process?.pid;
    if (parent === undefined) throw new Error('the server is not running');
    const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
    for (const pid of [parent, ...children.split(' ').map(Number).filter(Boolean)]) process.kill(pid, signal);
  }

  /** Ends the pools, stops the server and removes its folder. */
  async close(): Promise<void> {
    for (const pool of this.#pools.splice(0)) await pool.end().catch(() => {});
    await this.stop('SIGQUIT');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      const client = new pg.Client(this.connection);
      try {
        await client.connect();
        return;
      } catch {
        await delay(50);
      } finally {
        await client.end().catch(() => {});
      }
    }
    throw new Error('PostgreSQL did not start within 10 seconds');
  }
}

function accountOf(): { uid: number; gid: number } | undefined {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
}

async function newestBinaries(): Promise<string | undefined> {
  const versions = await readdir(BINARIES).catch(() => []);
  const [newest] = versions
    .filter((name) => /^\d+$/.test(name))
    .sort((one, other) => Number(other) - Number(one));
  return newest === undefined ? undefined : join(BINARIES, newest, 'bin');
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
