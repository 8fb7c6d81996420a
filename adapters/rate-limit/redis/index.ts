import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
} from '../../../src/ports/rate-limit.ts';
import { MemoryRateLimit } from '../memory.ts';
import { fullRateLimits } from '../shared/limits.ts';
import { Receipt } from '../shared/receipt.ts';
import type { RedisClient } from './client.ts';
import { Counters, type GiveBack } from './counters.ts';
import { checkArguments, type RedisRateLimitOptions } from './options.ts';
import { type OnStoreError, Outage } from './outage.ts';

export { DEFAULT_RATE_LIMITS, type RateLimit, type RateLimits } from '../shared/limits.ts';
export type { RedisClient } from './client.ts';
export type { RedisRateLimitOptions } from './options.ts';
export type { OnStoreError } from './outage.ts';

/** Proof of a debit, for `refund` of the same {@link RedisRateLimit}. There is nothing in it to read. */
export type RedisRateLimitReceipt = object;

/**
 * Rate limits counted in Redis, which any number of processes share: together they allow exactly a key's points.
 *
 * ```ts
 * const redis = new Redis();              // ioredis 5 or 6; or new Cluster([…])
 * redis.on('error', (error) => …);        // yours to do: without a listener ioredis writes to the console
 * createInviteRouter({ rateLimit: new RedisRateLimit(redis), … });
 * ```
 *
 * A key's window starts with its first allowed call; it ends after its duration, or when the last of its calls is
 * given back. A bucket that a call names twice is debited once.
 *
 * An allowed call costs one round trip, all of its buckets side by side, each by a command on one key: a cluster
 * cannot debit keys of several nodes in one step. So all or none is made of two: when a bucket refuses, what the
 * others gave is given back at once, before the call is answered. Meanwhile, for about a round trip, another call may
 * be refused that would not have been a moment later; never is one allowed too many. To keep this rare, a call with a
 * key that has lately refused here looks first, and takes only when every bucket has a point.
 *
 * When Redis does not answer within `timeoutMs`, or with an error, `onStoreError` decides. What such a call may still
 * take in Redis is given back as soon as that is known; where Redis cannot be told, when the window ends. As long as
 * a command for a key is overdue, no other is sent for that key.
 *
 * What Redis forgets (by a restart without persistence, a failover, or eviction of keys) may be taken again.
 *
 * The client stays the host's: no listener is added, and it is not closed. It gets two commands, named
 * `matrixInvite…`.
 */
export class RedisRateLimit implements RateLimitAdapter<RedisRateLimitReceipt> {
  readonly #onStoreError: OnStoreError;
  readonly #counters: Counters;
  readonly #memory: MemoryRateLimit;
  readonly #outage: Outage;

  /**
   * @param client an ioredis `Redis` or `Cluster`, of version 5 or 6
   * @throws {TypeError} for another client, and for an unknown or ill-typed option
   * @see [errors, Rate limits](../../../docs/errors.md#rate-limits)
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions = {}) {
    checkArguments(client, options);
    const { limits, keyPrefix = 'matrix-invite', timeoutMs = 200, onStoreError = 'memory', logger } = options;
    this.#onStoreError = onStoreError;
    this.#outage = new Outage(onStoreError, logger);
    this.#memory = new MemoryRateLimit(limits);
    this.#counters = new Counters(client, {
      limits: fullRateLimits(limits),
      keyPrefix,
      timeoutMs,
      outage: this.#outage,
    });
  }

  /** Rejects only with `onStoreError: 'deny'`, when Redis cannot be asked: Redis's own error is the `cause`. */
  async consume(buckets: readonly RateLimitBucket[]): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    const counters = this.#counters.of(buckets);
    try {
      const taken = await this.#counters.take(counters);
      return taken.allowed ? this.#allowed(taken.giveBack) : taken;
    } catch (error) {
      this.#outage.failed(error);
      return this.#withoutRedis(counters, error);
    }
  }

  /**
   * Says what `consume` would decide now, and takes nothing: one round trip of reading commands. While Redis cannot
   * be asked, `onStoreError` decides as in `consume`. A Redis that can be read but not written to (out of memory, a
   * replica) still says here what it has counted.
   */
  async peek(buckets: readonly RateLimitBucket[]): Promise<RateLimitForecast> {
    const counters = this.#counters.of(buckets);
    try {
      return (await this.#counters.peek(counters)) ?? { allowed: true };
    } catch (error) {
      this.#outage.failed(error);
      return this.#forecastWithoutRedis(counters, error);
    }
  }

  /** Never rejects. A point that Redis cannot be told of comes back when its window ends. */
  async refund(receipt: RedisRateLimitReceipt): Promise<void> {
    await Receipt.redeem(receipt, this)?.();
  }

  async #withoutRedis(
    buckets: readonly RateLimitBucket[],
    cause: unknown,
  ): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    switch (this.#onStoreError) {
      case 'allow':
        return this.#allowed(async () => {});
      case 'deny':
        throw withoutRedis(cause);
      case 'memory': {
        const decision = await this.#memory.consume(buckets);
        return decision.allowed ? this.#allowed(() => this.#memory.refund(decision.receipt)) : decision;
      }
    }
  }

  async #forecastWithoutRedis(
    buckets: readonly RateLimitBucket[],
    cause: unknown,
  ): Promise<RateLimitForecast> {
    switch (this.#onStoreError) {
      case 'allow':
        return { allowed: true };
      case 'deny':
        throw withoutRedis(cause);
      case 'memory':
        return this.#memory.peek(buckets);
    }
  }

  #allowed(giveBack: GiveBack): RateLimitDecision<RedisRateLimitReceipt> {
    return { allowed: true, receipt: new Receipt(this, giveBack) };
  }
}

function withoutRedis(cause: unknown): Error {
  return new Error('Rate limits cannot be counted without Redis', { cause });
}
