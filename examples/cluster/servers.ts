import { join } from 'node:path';
import { CannotStart } from './cannot-start.ts';
import type { OAuth } from './logins.ts';
import { newFolder } from './new-folder.ts';
import { askOAuth, startOAuth, type Tokens } from './oauth.ts';
import { oauthOf, TOKEN_VARIABLES } from './oauth-environment.ts';
import { askPostgres, startPostgres } from './postgres.ts';
import { findPostgres, findRedis } from './programs.ts';
import { askRedis, startRedis } from './redis.ts';
import type { ServerProcess } from './server-process.ts';

/** PostgreSQL, Redis and the OAuth provider: those of the environment, or servers of our own. */
export type Servers = {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly oauth: OAuth;
  readonly tokens: Tokens;
  /** What was started, a line for each. */
  readonly descriptions: readonly string[];
  /** Ends what was started, and removes its data. */
  close(): Promise<void>;
};

/**
 * Uses the servers of DATABASE_URL, REDIS_URL and OAUTH_ISSUER; where one is not set, it starts one, with its data in a
 * temporary folder.
 *
 * @throws {CannotStart} when a program is missing, or a server cannot be used
 */
export async function startServers(environment: NodeJS.ProcessEnv): Promise<Servers> {
  const { DATABASE_URL = '', REDIS_URL = '' } = environment;
  // All before anything is started.
  const givenOAuth = oauthOf(environment);
  const postgresPrograms = DATABASE_URL ? undefined : await findPostgres();
  const redisProgram = REDIS_URL ? undefined : await findRedis();

  const folder = await newFolder();
  const started: ServerProcess[] = [];
  const begun = <T extends { readonly server: ServerProcess }>(start: T): T => {
    started.push(start.server);
    return start;
  };
  const close = async () => {
    await Promise.all(started.map((server) => server.close()));
    await folder.remove();
  };
  try {
    if (!postgresPrograms) await askPostgres(DATABASE_URL).catch(cannotUse('DATABASE_URL'));
    if (!redisProgram) await askRedis(REDIS_URL).catch(cannotUse('REDIS_URL'));
    if (givenOAuth) await askOAuth(givenOAuth).catch(cannotUse('OAUTH_ISSUER'));
    const postgres = postgresPrograms
      ? begun(await startPostgres(postgresPrograms, join(folder.path, 'postgres')))
      : { url: DATABASE_URL };
    const redis = redisProgram
      ? begun(await startRedis(redisProgram, join(folder.path, 'redis')))
      : { url: REDIS_URL };
    const { oauth, tokens } = givenOAuth
      ? { oauth: givenOAuth, tokens: TOKEN_VARIABLES }
      : begun(await startOAuth());
    return {
      databaseUrl: postgres.url,
      redisUrl: redis.url,
      oauth,
      tokens,
      descriptions: started.map(({ description }) => description),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The URL has a password, so that it is not quoted. */
function cannotUse(variable: string): (error: NodeJS.ErrnoException) => never {
  return ({ message, code }) => {
    throw new CannotStart(`The server of ${variable} cannot be used: ${message || code}`);
  };
}
