import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CannotStart } from './cannot-start.ts';
import { askPostgres, startPostgres } from './postgres.ts';
import { findPostgres, findRedis } from './programs.ts';
import { askRedis, startRedis } from './redis.ts';
import type { ServerProcess } from './server-process.ts';

/** PostgreSQL and Redis: those of the environment, or servers of our own. */
export type Servers = {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** What was started, a line for each. */
  readonly descriptions: readonly string[];
  /** Ends what was started, and removes its data. */
  close(): Promise<void>;
};

/**
 * Uses the servers of DATABASE_URL and REDIS_URL; where one is not set, it starts one with its data in a temporary
 * folder.
 *
 * @throws {CannotStart} when a program is missing, or a server cannot be used
 */
export async function startServers({ DATABASE_URL, REDIS_URL }: NodeJS.ProcessEnv): Promise<Servers> {
  // Both before anything is started.
  const postgresPrograms = DATABASE_URL ? undefined : await findPostgres();
  const redisProgram = REDIS_URL ? undefined : await findRedis();

  const folder = await newFolder();
  const started: ServerProcess[] = [];
  const close = async () => {
    await Promise.all(started.map((server) => server.close()));
    await folder.remove();
  };
  try {
    let databaseUrl = DATABASE_URL ?? '';
    let redisUrl = REDIS_URL ?? '';
    if (postgresPrograms === undefined) {
      await askPostgres(databaseUrl).catch(cannotUse('DATABASE_URL'));
    } else {
      const { server, url } = await startPostgres(postgresPrograms, join(folder.path, 'postgres'));
      started.push(server);
      databaseUrl = url;
    }
    if (redisProgram === undefined) {
      await askRedis(redisUrl).catch(cannotUse('REDIS_URL'));
    } else {
      const { server, url } = await startRedis(redisProgram, join(folder.path, 'redis'));
      started.push(server);
      redisUrl = url;
    }
    return { databaseUrl, redisUrl, descriptions: started.map(({ description }) => description), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A temporary folder, which goes with this process at the latest. */
async function newFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'invite-cluster-'));
  // Where PostgreSQL runs as another user, that one must get through to the folder within.
  await chmod(path, 0o711);
  const removeNow = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeNow);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      process.off('exit', removeNow);
    },
  };
}

/** The URL has a password, so that it is not quoted. */
function cannotUse(variable: string): (error: NodeJS.ErrnoException) => never {
  return ({ message, code }) => {
    throw new CannotStart(`The server of ${variable} cannot be used: ${message || code}`);
  };
}
