import { Outage } from '../../../src/internal/outage.ts';
import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
} from '../../../src/ports/rate-limit.ts';
import { MemoryRateLimit } from '../memory.ts';
import { fullRateLimits } from '../shared/limits.ts';
import { Receipt } from '../shared/receipt.ts';
import { connectionOf, type RedisClient } from './client.ts';
import { type Consumed, Counters } from './counters.ts';
import { checkRedisOptions, type OnStoreError, type RedisRateLimitOptions } from './options.ts';

export { DEFAULT_RATE_LIMITS, type RateLimit, type RateLimits } from '../shared/limits.ts';
export type { RedisClient } from './client.ts';
export type { IoredisClient } from './ioredis.ts';
export type { NodeRedisClient } from './node-redis.ts';
export type { OnStoreError, RedisRateLimitOptions } from './options.ts';

/** Proof of consumed points, for `refund` of the same {@link RedisRateLimit}. It has no readable content. */
export type RedisRateLimitReceipt = object;

const CONSEQUENCES: { readonly [Choice in OnStoreError]: string } = {
  memory: 'each process counts on its own',
  allow: 'nothing is limited',
  deny: 'every limited request gets a 503',
};

/**
 * Milliseconds without a failure after which Redis counts as available again. If a cluster has lost a node,
 * some keys fail and others do not: without this pause, the state would change with every request.
 */
const RECOVERED_AFTER_MS = 1_000;

/**
 * Counts rate limits in Redis, for any number of processes: together they allow exactly a key's points.
 *
 * ```ts
 * const redis = new Redis();              // of ioredis or iovalkey; or new Cluster([…])
 * redis.on('error', (error) => …);        // without a listener, ioredis writes errors to the console
 * createInviteRouter({ rateLimit: new RedisRateLimit(redis), … });
 * ```
 *
 * A key's window starts with its first allowed call. It ends after its duration, or when all of its calls are
 * refunded. A bucket that a call names twice is counted once.
 *
 * An allowed call costs one round trip. Each of its buckets is one command on one key, and all are sent in
 * parallel, because a cluster cannot change keys of several nodes in one step. Consuming all or nothing
 * therefore takes two steps: when a bucket refuses, the points from the other buckets are refunded at once,
 * before the call returns. Until then, for about one round trip, another call can be refused that would be
 * allowed a moment later. Too many calls are never allowed. To keep this rare, a call with a key that this
 * process has seen refuse recently peeks first, and consumes only if every bucket has a point.
 *
 * If Redis fails or does not reply within `timeoutMs`, `onStoreError` decides. Points that such a call may
 * still consume in Redis are refunded as soon as the outcome is known. If Redis does not receive the refund,
 * they are free again when the window ends. Once a command is overdue, no others are sent to that server until
 * it replies, and `onStoreError` decides at once. Every reply is checked before it counts as a point.
 *
 * If Redis loses counts (a restart without persistence, a failover or eviction), those points can be consumed
 * again.
 *
 * The client stays under the control of the host app: no listener is added, and it is not closed. A client of ioredis
 * gets two commands whose names start with `matrixInvite`. Nothing else should use it: in a `MULTI` or behind a blocking
 * command of the host app, nothing can be counted.
 */
export class RedisRateLimit implements RateLimitAdapter<RedisRateLimitReceipt> {
  readonly #onStoreError: OnStoreError;
  readonly #counters: Counters;
  readonly #memory: MemoryRateLimit;
  readonly #outage: Outage;

  /**
   * @param client a `Redis` or `Cluster` of ioredis 5 or 6 or iovalkey, or a client of `createClient` or
   *   `createCluster` of node-redis 5 or 6 that has a listener for `error`
   * @throws {TypeError} for any other client, and for an unknown or invalid option
   * @see [errors, Rate limits](../../../docs/errors.md#rate-limits)
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions = {}) {
    const connection = connectionOf(client);
    checkRedisOptions(options);
    const { limits, keyPrefix = 'matrix-invite', timeoutMs = 200, onStoreError = 'memory', logger } = options;
    this.#onStoreError = onStoreError;
    this.#memory = new MemoryRateLimit(limits);
    this.#outage = new Outage({
      failed: `Redis is unavailable for rate limits: ${CONSEQUENCES[onStoreError]}`,
      recovered: 'Redis is available for rate limits again',
      recoveredAfterMs: RECOVERED_AFTER_MS,
      logger,
    });
    this.#counters = new Counters(connection, {
      limits: fullRateLimits(limits),
      keyPrefix,
      timeoutMs,
      outage: this.#outage,
    });
  }

  /**
   * Rejects only with `onStoreError: 'deny'`, if Redis is unavailable. The error from Redis is the `cause`.
   */
  consume(buckets: readonly RateLimitBucket[]): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    return this.consumeKeeping([], buckets);
  }

  /** Rejects as {@link consume} does. */
  async consumeKeeping(
    kept: readonly RateLimitBucket[],
    refundable: readonly RateLimitBucket[],
  ): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    const counters = this.#counters.of([...kept, ...refundable]);
    try {
      const decision = await this.#counters.consume(counters, this.#counters.of(kept).length);
      return decision.allowed ? this.#allowed(decision.refund) : decision;
    } catch (error) {
      this.#outage.reportFailure(error);
      return this.#consumeWithoutRedis(kept, refundable, error);
    }
  }

  /**
   * Returns what `consume` would decide now, in one round trip. Consumes nothing. While Redis is unavailable,
   * `onStoreError` decides, as for `consume`. If Redis can be read but not written (out of memory, or a
   * replica), this method still returns what was counted before.
   */
  async peek(buckets: readonly RateLimitBucket[]): Promise<RateLimitForecast> {
    const counters = this.#counters.of(buckets);
    try {
      return (await this.#counters.peek(counters)) ?? { allowed: true };
    } catch (error) {
      this.#outage.reportFailure(error);
      return this.#peekWithoutRedis(counters, error);
    }
  }

  /** Never rejects. If Redis does not receive the refund, the point is free again when its window ends. */
  async refund(receipt: RedisRateLimitReceipt): Promise<void> {
    await Receipt.refund(receipt, this);
  }

  async #consumeWithoutRedis(
    kept: readonly RateLimitBucket[],
    refundable: readonly RateLimitBucket[],
    cause: unknown,
  ): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    switch (this.#onStoreError) {
      case 'allow':
        return this.#allowed(async () => {});
      case 'deny':
        throw cannotCount(cause);
      case 'memory': {
        const decision = await this.#memory.consumeKeeping(kept, refundable);
        return decision.allowed ? this.#allowed(() => this.#memory.refund(decision.receipt)) : decision;
      }
    }
  }

  async #peekWithoutRedis(buckets: readonly RateLimitBucket[], cause: unknown): Promise<RateLimitForecast> {
    switch (this.#onStoreError) {
      case 'allow':
        return { allowed: true };
      case 'deny':
        throw cannotCount(cause);
      case 'memory':
        return this.#memory.peek(buckets);
    }
  }

  #allowed(refund: Consumed['refund']): RateLimitDecision<RedisRateLimitReceipt> {
    return { allowed: true, receipt: new Receipt(this, refund) };
  }
}

function cannotCount(cause: unknown): Error {
  return new Error('Rate limits cannot be counted without Redis', { cause });
}
