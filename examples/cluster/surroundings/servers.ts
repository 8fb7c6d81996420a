import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backends, CannotStart } from '../app/config.ts';
import { checkOAuth, oauthOf, startOAuth, TOKEN_VARIABLES, type Tokens } from './oauth.ts';
import { checkPostgres, startPostgres } from './postgres.ts';
import { findPostgres, findRedis } from './programs.ts';
import { checkRedis, startRedis } from './redis.ts';
import type { ServerProcess } from './server-process.ts';

/** PostgreSQL, Redis and the OAuth provider: servers that run already, or the demo's own. */
export type Servers = {
  readonly backends: Backends;
  readonly tokens: Tokens;
  /** One line per server that was started. */
  readonly descriptions: readonly string[];
  /** Ends the servers that were started, and removes their data. */
  close(): Promise<void>;
};

/**
 * Uses the servers of DATABASE_URL, REDIS_URL and OAUTH_ISSUER. For each variable that is not set, starts a server
 * with its data in a temporary folder.
 *
 * @throws {CannotStart} if a program is not installed, or a server cannot be used
 */
export async function startServers(environment: NodeJS.ProcessEnv): Promise<Servers> {
  const { DATABASE_URL = '', REDIS_URL = '' } = environment;
  // Check everything before anything starts.
  const givenOAuth = oauthOf(environment);
  const postgresPrograms = DATABASE_URL ? undefined : await findPostgres();
  const redisProgram = REDIS_URL ? undefined : await findRedis();

  const folder = await createFolder();
  const started: ServerProcess[] = [];
  const register = <T extends { readonly server: ServerProcess }>(start: T): T => {
    started.push(start.server);
    return start;
  };
  const close = async () => {
    await Promise.all(started.map((server) => server.close()));
    await folder.remove();
  };
  try {
    if (!postgresPrograms) await checkPostgres(DATABASE_URL).catch(cannotUse('DATABASE_URL'));
    if (!redisProgram) await checkRedis(REDIS_URL).catch(cannotUse('REDIS_URL'));
    if (givenOAuth) await checkOAuth(givenOAuth).catch(cannotUse('OAUTH_ISSUER'));
    const postgres = postgresPrograms
      ? register(await startPostgres(postgresPrograms, join(folder.path, 'postgres')))
      : { url: DATABASE_URL };
    const redis = redisProgram
      ? register(await startRedis(redisProgram, join(folder.path, 'redis')))
      : { url: REDIS_URL };
    const { oauth, tokens } = givenOAuth
      ? { oauth: givenOAuth, tokens: TOKEN_VARIABLES }
      : register(await startOAuth());
    return {
      backends: { databaseUrl: postgres.url, redisUrl: redis.url, oauth },
      tokens,
      descriptions: started.map(({ description }) => description),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The message does not contain the URL, because the URL contains a password. */
function cannotUse(variable: string): (error: NodeJS.ErrnoException) => never {
  return ({ message, code }) => {
    throw new CannotStart(`The server of ${variable} cannot be used: ${message || code}`);
  };
}

/** Creates a temporary folder. It is removed when this process exits, if not before. */
async function createFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'invite-cluster-'));
  // PostgreSQL may run as another user, who must be able to reach the subfolder.
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
