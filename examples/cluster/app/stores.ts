import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'express-matrix-invite';
import { RedisRateLimit } from 'express-matrix-invite/rate-limit/redis';
import { PostgresStorage } from 'express-matrix-invite/storage/postgres';
import { Redis } from 'ioredis';
import pg from 'pg';
import { timeLimits } from './config.ts';

/** The maximum number of invites a user may send per minute. It is low, so that the demo reaches it quickly. */
export const INVITES_PER_MINUTE = 3;

/** The maximum time Redis may take to acknowledge QUIT, in milliseconds. */
const QUIT_TIMEOUT_MS = 1_000;

/** Opens one process's connections to PostgreSQL. */
export function openPool(databaseUrl: string, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 10,
    connectionTimeoutMillis: timeLimits.connectMs,
    keepAlive: true,
  });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (err) => logger.warn({ err }, 'An idle connection to PostgreSQL broke'));
  return pool;
}

export function createStorage(pool: pg.Pool): PostgresStorage {
  return new PostgresStorage(pool, {
    lockTimeoutMs: timeLimits.deadlineMs,
    queryTimeoutMs: 2 * timeLimits.deadlineMs,
  });
}

/** Opens one process's connection to Redis. */
export function openRedis(redisUrl: string): Redis {
  const redis = new Redis(redisUrl, { connectTimeout: timeLimits.connectMs, keepAlive: 10_000 });
  // ioredis emits an error for every failed attempt to connect. The rate limit logs once when Redis is down, and
  // once when it is back.
  redis.on('error', () => {});
  return redis;
}

export function createRateLimit(redis: Redis, logger: Logger): RedisRateLimit {
  return new RedisRateLimit(redis, {
    timeoutMs: timeLimits.redisMs,
    limits: { inviter: { points: INVITES_PER_MINUTE, durationSeconds: 60 } },
    logger,
  });
}

/** Closes the connection after pending replies, but does not wait for a Redis that hangs. */
export async function closeRedis(redis: Redis): Promise<void> {
  await Promise.race([redis.quit().catch(() => {}), delay(QUIT_TIMEOUT_MS)]);
  redis.disconnect();
}
