import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
  RateLimitScope,
} from '../../src/ports/rate-limit.ts';
import { fullRateLimits, type LimitRefusal, type RateLimit, type RateLimits } from './shared/limits.ts';
import { Receipt } from './shared/receipt.ts';

export { DEFAULT_RATE_LIMITS, type RateLimit, type RateLimits } from './shared/limits.ts';

/** Proof of consumed points, for `refund` of the same {@link MemoryRateLimit}. It has no readable content. */
export type MemoryRateLimitReceipt = object;

/**
 * Counts rate limits in the memory of one process: for a host app with a single process, and for tests. Every
 * additional process allows the same number of points again.
 *
 * ```ts
 * createInviteRouter({
 *   rateLimit: new MemoryRateLimit({ room: { points: 20, durationSeconds: 60 }, invitee: false }),
 *   …
 * });
 * ```
 *
 * A key's window starts with its first allowed call. A bucket that a call names twice is counted once. A key
 * uses memory only until its window ends, and no timer keeps the process from exiting.
 */
export class MemoryRateLimit implements RateLimitAdapter<MemoryRateLimitReceipt> {
  readonly #limiters: ReadonlyMap<RateLimitScope, RateLimiterMemory | false>;
  #lastTurn: Promise<unknown> = Promise.resolve();

  /**
   * @param limits a limit for each scope; `false` disables a scope. Default: `attempt` 60 in 60 s, `inviter`
   *   and `room` 10 in 33 s, `invitee` 5 in 1,667 s
   * @throws {TypeError} for an unknown scope or field, and for a number out of range
   * @see [errors, Rate limits](../../docs/errors.md#rate-limits)
   */
  constructor(limits?: RateLimits) {
    const { attempt, inviter, room, invitee } = fullRateLimits(limits);
    this.#limiters = new Map([
      ['attempt', limiterOf(attempt)],
      ['inviter', limiterOf(inviter)],
      ['room', limiterOf(room)],
      ['invitee', limiterOf(invitee)],
    ]);
  }

  consume(buckets: readonly RateLimitBucket[]): Promise<RateLimitDecision<MemoryRateLimitReceipt>> {
    return this.consumeKeeping([], buckets);
  }

  async consumeKeeping(
    kept: readonly RateLimitBucket[],
    refundable: readonly RateLimitBucket[],
  ): Promise<RateLimitDecision<MemoryRateLimitReceipt>> {
    const keptCount = this.#limited(kept).length;
    const limited = this.#limited([...kept, ...refundable]);
    return this.#inTurn(async () => {
      const refusal = await longestWait(limited);
      if (refusal !== undefined) return refusal;
      const consumed = (await consumeEach(limited)).slice(keptCount);
      return { allowed: true, receipt: new Receipt(this, () => this.#refundEach(consumed)) };
    });
  }

  async refund(receipt: MemoryRateLimitReceipt): Promise<void> {
    await Receipt.refund(receipt, this);
  }

  /** Returns what `consume` would decide now. Consumes nothing. */
  async peek(buckets: readonly RateLimitBucket[]): Promise<RateLimitForecast> {
    const limited = this.#limited(buckets);
    return (await this.#inTurn(() => longestWait(limited))) ?? { allowed: true };
  }

  async #refundEach(consumed: readonly ConsumedPoint[]): Promise<void> {
    await this.#inTurn(() => Promise.all(consumed.map(refundPoint)));
  }

  /** Returns each bucket once, without those of disabled scopes. */
  #limited(buckets: readonly RateLimitBucket[]): readonly LimitedBucket[] {
    const limited: LimitedBucket[] = [];
    for (const { scope, key } of buckets) {
      const limiter = this.#limiters.get(scope);
      if (limiter === undefined) throw new TypeError(`Unknown rate limit scope "${scope}"`);
      const isNamedTwice = limited.some((bucket) => bucket.scope === scope && bucket.key === key);
      if (limiter !== false && !isNamedTwice) limited.push({ limiter, scope, key });
    }
    return limited;
  }

  /**
   * Runs calls one after the other. The limiter counts at once but returns promises, so another call could
   * otherwise consume a key's point between the check of that key and its consumption.
   */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastTurn.then(work);
    this.#lastTurn = result.catch(() => {});
    return result;
  }
}

type LimitedBucket = RateLimitBucket & { readonly limiter: RateLimiterMemory };

type ConsumedPoint = {
  readonly bucket: LimitedBucket;
  /** The end of the window that the point was consumed from, in milliseconds since the epoch. */
  readonly endsAt: number;
};

/**
 * The maximum difference in milliseconds between two readings of the same window's end: the clock advances
 * between them. The ends of two windows of a key are at least a second apart, the shortest duration.
 */
const SAME_END_MS = 500;

function limiterOf(limit: RateLimit | false): RateLimiterMemory | false {
  return limit && new RateLimiterMemory({ points: limit.points, duration: limit.durationSeconds });
}

async function longestWait(buckets: readonly LimitedBucket[]): Promise<LimitRefusal | undefined> {
  let longest: LimitRefusal | undefined;
  for (const { limiter, scope, key } of buckets) {
    const retryAfterMs = waitOf(await limiter.get(key), limiter);
    if (retryAfterMs > (longest?.retryAfterMs ?? 0)) longest = { allowed: false, scope, retryAfterMs };
  }
  return longest;
}

/**
 * Returns the milliseconds until a point is free: 0 or less if one is, since a window can end before its
 * timer fires.
 */
function waitOf(count: RateLimiterRes | null, { points, msDuration }: RateLimiterMemory): number {
  if (count === null || count.consumedPoints < points) return 0;
  // After the clock was set back, the difference is too large. The window still ends by its timer.
  return Math.min(count.msBeforeNext, msDuration);
}

async function consumeEach(buckets: readonly LimitedBucket[]): Promise<readonly ConsumedPoint[]> {
  const consumed: ConsumedPoint[] = [];
  for (const bucket of buckets) {
    // `limiter.consume` would check again. If the clock was set back since, it would reject after consuming
    // from others.
    consumed.push({ bucket, endsAt: endOf(await bucket.limiter.penalty(bucket.key)) });
  }
  return consumed;
}

/** Refunds a point to the window that it was consumed from. */
async function refundPoint({ bucket: { limiter, key }, endsAt }: ConsumedPoint): Promise<void> {
  const count = await limiter.get(key);
  if (count === null || Math.abs(endOf(count) - endsAt) > SAME_END_MS) return;
  const { isFirstInDuration } = await limiter.reward(key);
  // The window was over: the reward has opened a new one with an extra point.
  if (isFirstInDuration) await limiter.delete(key);
}

function endOf(count: RateLimiterRes): number {
  return Date.now() + count.msBeforeNext;
}
