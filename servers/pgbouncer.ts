import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedCommand } from './debian-package.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { acceptsConnections, type PostgresServer } from './postgres-server.ts';
import { unprivilegedAccount } from './unprivileged-account.ts';

/** A private PgBouncer in transaction mode. Its clients share four connections to a PostgreSQL server. */
export class PgBouncer {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#process = child;
    this.#folder = folder;
  }

  /**
   * @param settings further settings, or other values for those below
   * @throws {Error} with the command that installs PgBouncer, if it is missing and cannot be installed
   */
  static async start(
    server: PostgresServer,
    settings: Readonly<Record<string, string | number>> = {},
  ): Promise<PgBouncer> {
    const binary = await installedCommand('pgbouncer');
    const folder = await mkdtemp(join(tmpdir(), 'invite-pgbouncer-'));
    const port = await freePort();
    const path = join(folder, 'pgbouncer.ini');
    await writeFile(path, configuration(server, port, settings));
    const account = unprivilegedAccount();
    if (account !== undefined) for (const file of [folder, path]) await chown(file, account.uid, account.gid);
    const child = spawn(binary, [path], { ...account, stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (text) => {
      output = `${output}${text}`.slice(-1_000);
    });
    await Promise.race([
      once(child, 'exit'),
      eventually('PgBouncer accepts connections', () => acceptsConnections({ ...server.connection, port })),
    ]);
    if (child.exitCode === null) return new PgBouncer(port, child, folder);
    await rm(folder, { recursive: true });
    throw new Error(`PgBouncer did not start: ${output.trim()}`);
  }

  /** Stops PgBouncer and removes its folder. */
  async close(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await exited;
    }
    await rm(this.#folder, { recursive: true });
  }
}

function configuration(
  server: PostgresServer,
  port: number,
  settings: Readonly<Record<string, string | number>>,
): string {
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 4,
    max_client_conn: 200,
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  return `[databases]
* = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
${lines.join('\n')}
`;
}
