import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../app/listen.ts';
import type { PostgresPrograms } from './programs.ts';
import { ServerProcess } from './server-process.ts';

/** PostgreSQL refuses to run as root. These are Debian's IDs of `nobody`. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** Starts a PostgreSQL server. It creates the folder for its data. */
export async function startPostgres(
  { postgres, initdb }: PostgresPrograms,
  folder: string,
): Promise<{ server: ServerProcess; url: string }> {
  const account = process.getuid?.() === 0 ? NOBODY : undefined;
  const password = randomBytes(18).toString('hex');
  await initialize(initdb, folder, password, account);
  const port = await freePort();
  const server = new ServerProcess({
    name: 'PostgreSQL',
    program: postgres,
    args: ['-D', folder, '-p', `${port}`, '-h', '127.0.0.1', '-k', ''],
    folder,
    account,
    signals: { stop: 'SIGINT', kill: 'SIGQUIT' },
  });
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  try {
    await server.waitUntilReady(() => checkPostgres(url));
    return { server, url };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Rejects if the server cannot be used. */
export async function checkPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A broken connection also rejects the call in progress.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end();
  }
}

async function initialize(
  initdb: string,
  folder: string,
  password: string,
  account: typeof NOBODY | undefined,
): Promise<void> {
  await mkdir(folder);
  const passwordFile = join(dirname(folder), 'postgres-password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account !== undefined) {
    for (const path of [folder, passwordFile]) await chown(path, account.uid, account.gid);
  }
  // A password, because every user of this machine can reach the port.
  const login = ['-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  await promisify(execFile)(
    initdb,
    ['-D', folder, ...login, '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    { ...account, cwd: folder },
  );
  await rm(passwordFile);
}
