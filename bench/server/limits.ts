import type { RateLimitAdapter } from 'express-matrix-invite';
import type { LimitsSetting } from './setting.ts';

const NEVER_REACHED = { points: 1_000_000_000, durationSeconds: 2_000_000 };
const limits = {
  attempt: NEVER_REACHED,
  inviter: NEVER_REACHED,
  room: NEVER_REACHED,
  invitee: NEVER_REACHED,
};
const REACHED_AT_ONCE = { ...limits, attempt: { ...NEVER_REACHED, points: 1 } };

/** All four limits are counted. */
export async function openLimits(setting: LimitsSetting): Promise<RateLimitAdapter | false> {
  if (setting.kind === 'none') return false;
  if (setting.kind === 'redis') {
    const { Redis } = await import('ioredis');
    const { RedisRateLimit } = await import('express-matrix-invite/rate-limit/redis');
    const redis = new Redis(setting.port, '127.0.0.1');
    redis.on('error', (error) => console.error(error.message));
    // A row that counted in memory meanwhile would not be a row with Redis: so it fails.
    return new RedisRateLimit(redis, { limits, timeoutMs: 2_000, onStoreError: 'deny' });
  }
  const { MemoryRateLimit } = await import('express-matrix-invite/rate-limit/memory');
  return new MemoryRateLimit(setting.kind === 'limited' ? REACHED_AT_ONCE : limits);
}
