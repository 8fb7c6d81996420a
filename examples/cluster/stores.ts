import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'express-matrix-invite';
import { RedisRateLimit } from 'express-matrix-invite/rate-limit/redis';
import { PostgresStorage } from 'express-matrix-invite/storage/postgres';
import { Redis } from 'ioredis';
import pg from 'pg';
import { timeLimits } from './time-limits.ts';

/** How many invites a user may send in a minute: few, so that the limit is quickly seen. */
export const INVITES_PER_MINUTE = 3;

/** How long Redis may take to say goodbye, in milliseconds. */
const QUIT_TIMEOUT_MS = 1_000;

/** One process's connections to PostgreSQL. */
export function openPool(databaseUrl: string, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 10,
    connectionTimeoutMillis: timeLimits.connectMs,
    keepAlive: true,
  });
  // A connection that breaks while it is idle; without a listener it would end the process.
  pool.on('error', (err) => logger.warn({ err }, 'An idle connection to PostgreSQL broke'));
  return pool;
}

export function storageOn(pool: pg.Pool): PostgresStorage {
  return new PostgresStorage(pool, {
    lockTimeoutMs: timeLimits.deadlineMs,
    queryTimeoutMs: 2 * timeLimits.deadlineMs,
  });
}

/** One process's connection to Redis. */
export function openRedis(redisUrl: string): Redis {
  const redis = new Redis(redisUrl, { connectTimeout: timeLimits.connectMs, keepAlive: 10_000 });
  // It tells of every attempt to connect. The rate limit logs once when Redis is gone, and once when it is back.
  redis.on('error', () => {});
  return redis;
}

export function rateLimitOn(redis: Redis, logger: Logger): RedisRateLimit {
  return new RedisRateLimit(redis, {
    timeoutMs: timeLimits.redisMs,
    limits: { inviter: { points: INVITES_PER_MINUTE, durationSeconds: 60 } },
    logger,
  });
}

/** Ends the connection once its answers are there; a Redis that hangs is not waited for. */
export async function closeRedis(redis: Redis): Promise<void> {
  await Promise.race([redis.quit().catch(() => {}), delay(QUIT_TIMEOUT_MS)]);
  redis.disconnect();
}
