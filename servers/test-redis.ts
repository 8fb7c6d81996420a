import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { startInstead } from './debian-package.ts';
import { RedisServer, ttlsOf, withConnection } from './redis-server.ts';

/** A Redis server that tests may use, such as `redis://127.0.0.1:6379`. */
const URL_VARIABLE = 'TEST_REDIS_URL';

/** Claims are keys in the URL's own database, so that test files that run in parallel take different databases. */
const CLAIM_PREFIX = 'express-matrix-invite-tests:database:';
/** A claim expires after this time in case a test process is killed. */
const CLAIM_SECONDS = 3_600;

/** Deletes a claim unless it has expired and is now another test file's. */
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/**
 * An empty Redis database (as in `SELECT`) for one test file. It is on the server of `TEST_REDIS_URL`, or else on a
 * server that is started for the file.
 */
export class TestRedis {
  /** The number of the database. */
  readonly index: number;
  readonly url: string;
  readonly #claim: Claim;
  readonly #server: RedisServer | undefined;

  private constructor(claim: Claim, server: RedisServer | undefined) {
    this.index = claim.index;
    this.url = claim.url;
    this.#claim = claim;
    this.#server = server;
  }

  /** @throws {Error} if there is no server, or if none of its databases is empty */
  static async open(): Promise<TestRedis> {
    const given = process.env[URL_VARIABLE];
    const server = given ? undefined : await startInstead(URL_VARIABLE, RedisServer.start);
    try {
      return new TestRedis(await claimDatabase(given || (server?.url ?? '')), server);
    } catch (cause) {
      await server?.close();
      throw new Error(`Cannot use the server of ${URL_VARIABLE}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Runs commands on a connection that is opened for them. */
  admin<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    return withConnection(this.url, work);
  }

  /** Returns every key with the milliseconds until it expires: −1 if it never does. */
  ttls(): Promise<Map<string, number>> {
    return this.admin(ttlsOf);
  }

  /** Empties the database and releases it. Stops the server if it was started for this file. */
  async close(): Promise<void> {
    await this.admin((redis) => redis.flushdb());
    await this.#claim.release();
    await this.#server?.close();
  }
}

type Claim = { readonly index: number; readonly url: string; release(): Promise<unknown> };

async function claimDatabase(serverUrl: string): Promise<Claim> {
  const token = randomUUID();
  return withConnection(serverUrl, async (redis) => {
    for (let index = 1; ; index += 1) {
      const key = CLAIM_PREFIX + index;
      if ((await redis.set(key, token, 'EX', CLAIM_SECONDS, 'NX')) === null) continue;
      const release = () => withConnection(serverUrl, (own) => own.eval(RELEASE, 1, key, token));
      try {
        if (await isEmpty(serverUrl, index)) return { index, url: withDatabase(serverUrl, index), release };
      } catch (cause) {
        await release();
        throw new Error(`it has no empty database left: ${(cause as Error).message}`, { cause });
      }
      await release();
    }
  });
}

/** @throws {Error} if the server has no database of this number */
function isEmpty(serverUrl: string, index: number): Promise<boolean> {
  return withConnection(serverUrl, async (redis) => {
    await redis.select(index);
    return (await redis.dbsize()) === 0;
  });
}

function withDatabase(serverUrl: string, index: number): string {
  const url = new URL(serverUrl);
  url.pathname = `/${index}`;
  return url.href;
}
