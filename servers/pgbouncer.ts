import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { installedCommand } from './debian-package.ts';
import { freePort, type PostgresServer } from './postgres-server.ts';

/** PgBouncer refuses to run as root; the ids of `nobody` on Debian. */
const NOBODY = 65_534;

/** A PgBouncer in transaction mode, which shares four connections of a server. */
export class PgBouncer {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#process = child;
    this.#folder = folder;
  }

  /** @throws {Error} with the command that would help, where PgBouncer is neither installed nor can be */
  static async start(server: PostgresServer): Promise<PgBouncer> {
    const binary = await installedCommand('pgbouncer');
    const folder = await mkdtemp(join(tmpdir(), 'invite-pgbouncer-'));
    const port = await freePort();
    const path = join(folder, 'pgbouncer.ini');
    await writeFile(path, settings(server, port));
    const isRoot = process.getuid?.() === 0;
    for (const file of isRoot ? [folder, path] : []) await chown(file, NOBODY, NOBODY);
    const child = spawn(binary, [path], {
      stdio: 'ignore',
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    const bouncer = new PgBouncer(port, child, folder);
    await bouncer.#answers(server);
    return bouncer;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await exited;
    }
    await rm(this.#folder, { recursive: true });
  }

  async #answers(server: PostgresServer): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      const client = new pg.Client({ ...server.connection, port: this.port });
      try {
        await client.connect();
        return;
      } catch {
        await delay(50);
      } finally {
        await client.end().catch(() => {});
      }
    }
    throw new Error('PgBouncer did not start within 5 seconds');
  }
}

function settings(server: PostgresServer, port: number): string {
  return `[databases]
* = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
`;
}
