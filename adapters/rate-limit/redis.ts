import { randomBytes } from 'node:crypto';
import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitScope,
} from '../../src/ports/rate-limit.ts';
import { type FullRateLimits, fullRateLimits } from './limits.ts';
import { MemoryRateLimit } from './memory.ts';
import { Attempt } from './redis/attempt.ts';
import type { RedisClient } from './redis/client.ts';
import { Counter, CounterStore } from './redis/counter.ts';
import { Deadline } from './redis/deadline.ts';
import { checkArguments, type RedisRateLimitOptions } from './redis/options.ts';
import { type OnStoreError, Outage } from './redis/outage.ts';
import { RecentRefusals } from './redis/refusals.ts';

export { DEFAULT_RATE_LIMITS, type RateLimit, type RateLimits } from './limits.ts';
export type { RedisClient } from './redis/client.ts';
export type { RedisRateLimitOptions } from './redis/options.ts';
export type { OnStoreError } from './redis/outage.ts';

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
  readonly #limits: FullRateLimits;
  readonly #keyPrefix: string;
  readonly #timeoutMs: number;
  readonly #onStoreError: OnStoreError;
  readonly #store: CounterStore;
  readonly #memory: MemoryRateLimit;
  readonly #outage: Outage;
  readonly #refusals = new RecentRefusals();
  readonly #debits = new WeakMap<RedisRateLimitReceipt, GiveBack>();

  /**
   * @param client an ioredis `Redis` or `Cluster`, of version 5 or 6
   * @throws {TypeError} for another client, and for an unknown or ill-typed option
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions = {}) {
    checkArguments(client, options);
    const { limits, keyPrefix = 'matrix-invite', timeoutMs = 200, onStoreError = 'memory', logger } = options;
    this.#limits = fullRateLimits(limits);
    this.#keyPrefix = keyPrefix;
    this.#timeoutMs = timeoutMs;
    this.#onStoreError = onStoreError;
    this.#store = new CounterStore(client);
    this.#memory = new MemoryRateLimit(limits);
    this.#outage = new Outage(onStoreError, logger);
  }

  /** Rejects only with `onStoreError: 'deny'`, when Redis cannot be asked: Redis's own error is the `cause`. */
  async consume(buckets: readonly RateLimitBucket[]): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    const counters = this.#countersOf(buckets);
    // The caller may change them while Redis is asked.
    const asGiven = [...buckets];
    try {
      return await this.#ask(counters);
    } catch (error) {
      this.#outage.failed(error);
      return this.#withoutRedis(asGiven, error);
    }
  }

  /** Never rejects. A point that Redis cannot be told of comes back when its window ends. */
  async refund(receipt: RedisRateLimitReceipt): Promise<void> {
    const giveBack = this.#debits.get(receipt);
    this.#debits.delete(receipt);
    await giveBack?.();
  }

  #countersOf(buckets: readonly RateLimitBucket[]): readonly Counter[] {
    const counters = new Map<string, Counter>();
    for (const { scope, key } of buckets) {
      if (!Object.hasOwn(this.#limits, scope)) throw new TypeError(`Unknown rate limit scope "${scope}"`);
      const limit = this.#limits[scope];
      if (limit === false) continue;
      const counter = new Counter(this.#store, limit, this.#keyPrefix, scope, key);
      counters.set(counter.name, counter);
    }
    return [...counters.values()];
  }

  /** @throws (rejects) when Redis cannot decide */
  async #ask(counters: readonly Counter[]): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    if (counters.length === 0) return this.#allowed(async () => {});
    const { client, connection } = this.#store;
    if (!connection.isAskable) throw new Error(`The Redis client is not connected: ${client.status}`);
    if (counters.some(({ isOverdue }) => isOverdue)) throw new Error('A command to Redis is overdue');
    const deadline = new Deadline(this.#timeoutMs);
    try {
      return (await this.#look(counters, deadline)) ?? (await this.#take(counters, deadline));
    } finally {
      deadline.end();
    }
  }

  /** Refuses without a debit where a bucket is likely to have no point, and has none. */
  async #look(counters: readonly Counter[], deadline: Deadline): Promise<Refusal | undefined> {
    const isLikely = counters.length > 1 && counters.some(({ name }) => this.#refusals.has(name));
    if (!isLikely) return undefined;
    const attempts = counters.map((counter) => new Attempt(counter, counter.look()));
    const { refusal, failure } = await this.#outcomeOf(attempts, deadline);
    if (refusal === undefined && failure !== undefined) throw failure.error;
    return refusal;
  }

  async #take(
    counters: readonly Counter[],
    deadline: Deadline,
  ): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    const call = newCall();
    const attempts = counters.map((counter) => new Attempt(counter, counter.take(call)));
    const { refusal, failure } = await this.#outcomeOf(attempts, deadline);
    if (refusal === undefined && failure === undefined) {
      return this.#allowed(() => this.#giveBack(counters, call));
    }
    const undone = attempts.map((attempt) => attempt.undo(call));
    if (refusal === undefined) throw failure?.error;
    await deadline.wait(undone);
    return refusal;
  }

  /** What the buckets have said when all have, or the time is over. One that refuses is enough for a refusal. */
  async #outcomeOf(attempts: readonly Attempt[], deadline: Deadline): Promise<Outcome> {
    await deadline.wait(attempts.map(({ settled }) => settled));
    const waits: Wait[] = [];
    for (const { counter, retryAfterMs } of attempts) {
      if (retryAfterMs === undefined) {
        this.#refusals.delete(counter.name);
      } else {
        this.#refusals.add(counter.name, retryAfterMs);
        waits.push({ scope: counter.scope, retryAfterMs });
      }
    }
    for (const { counter, settled, isPending } of attempts) if (isPending) void counter.holdUntil(settled);
    const [failure] = attempts.flatMap((attempt) => attempt.failure ?? []);
    if (failure === undefined) this.#outage.answered();
    else this.#outage.failed(failure.error);
    const [longest] = waits.sort((one, other) => other.retryAfterMs - one.retryAfterMs);
    return { refusal: longest && { allowed: false, ...longest }, failure };
  }

  async #giveBack(counters: readonly Counter[], call: string): Promise<void> {
    const deadline = new Deadline(this.#timeoutMs);
    const attempts = counters.map((counter) => new Attempt(counter, counter.giveBack(call)));
    await deadline.wait(attempts.map(({ settled }) => settled));
    deadline.end();
    const [failure] = attempts.flatMap((attempt) => attempt.failure ?? []);
    if (failure !== undefined) this.#outage.failed(failure.error);
  }

  async #withoutRedis(
    buckets: readonly RateLimitBucket[],
    cause: unknown,
  ): Promise<RateLimitDecision<RedisRateLimitReceipt>> {
    switch (this.#onStoreError) {
      case 'allow':
        return this.#allowed(async () => {});
      case 'deny':
        throw new Error('Rate limits cannot be counted without Redis', { cause });
      case 'memory': {
        const decision = await this.#memory.consume(buckets);
        return decision.allowed ? this.#allowed(() => this.#memory.refund(decision.receipt)) : decision;
      }
    }
  }

  #allowed(giveBack: GiveBack): RateLimitDecision<RedisRateLimitReceipt> {
    const receipt = Object.freeze({});
    this.#debits.set(receipt, giveBack);
    return { allowed: true, receipt };
  }
}

type GiveBack = () => Promise<void>;
type Wait = { readonly scope: RateLimitScope; readonly retryAfterMs: number };
type Refusal = RateLimitDecision & { readonly allowed: false };
type Outcome = { readonly refusal?: Refusal; readonly failure?: { readonly error: unknown } };

/** A number that no other call has, of any process: 64 random bits. */
function newCall(): string {
  return randomBytes(8).readBigInt64BE().toString();
}
