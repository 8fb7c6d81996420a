import type { RateLimitAdapter } from 'express-matrix-invite';
import type { LimitsConfig } from './config.ts';

const NEVER_REACHED = { points: 1_000_000_000, durationSeconds: 2_000_000 };
const limits = {
  attempt: NEVER_REACHED,
  inviter: NEVER_REACHED,
  room: NEVER_REACHED,
  invitee: NEVER_REACHED,
};
const REACHED_AT_ONCE = { ...limits, attempt: { ...NEVER_REACHED, points: 1 } };

/** Opens a rate limit adapter that counts all four scopes. */
export async function openLimits(config: LimitsConfig): Promise<RateLimitAdapter | false> {
  if (config.kind === 'none') return false;
  if (config.kind === 'redis') {
    const { Redis } = await import('ioredis');
    const { RedisRateLimit } = await import('express-matrix-invite/rate-limit/redis');
    const redis = new Redis(config.port, '127.0.0.1');
    redis.on('error', (error) => console.error(error.message));
    // If Redis fails, the row must fail: counting in memory would measure something else.
    return new RedisRateLimit(redis, { limits, timeoutMs: 2_000, onStoreError: 'deny' });
  }
  const { MemoryRateLimit } = await import('express-matrix-invite/rate-limit/memory');
  return new MemoryRateLimit(config.kind === 'limited' ? REACHED_AT_ONCE : limits);
}
