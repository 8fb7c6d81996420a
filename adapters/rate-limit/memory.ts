import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
  RateLimitScope,
} from '../../src/ports/rate-limit.ts';
import { fullRateLimits, type RateLimit, type RateLimits } from './shared/limits.ts';
import { Receipt } from './shared/receipt.ts';

export { DEFAULT_RATE_LIMITS, type RateLimit, type RateLimits } from './shared/limits.ts';

/** Proof of a debit, for `refund` of the same {@link MemoryRateLimit}. There is nothing in it to read. */
export type MemoryRateLimitReceipt = object;

/**
 * Rate limits counted in the memory of one process: for a host that is one process, and for tests. Each process
 * more would allow as many points again.
 *
 * ```ts
 * createInviteRouter({
 *   rateLimit: new MemoryRateLimit({ room: { points: 20, durationSeconds: 60 }, invitee: false }),
 *   …
 * });
 * ```
 *
 * A key's window starts with its first allowed call. A bucket that a call names twice is debited once. A key takes
 * memory only while its window lives, and no timer keeps the process from ending.
 */
export class MemoryRateLimit implements RateLimitAdapter<MemoryRateLimitReceipt> {
  readonly #limiters: ReadonlyMap<RateLimitScope, RateLimiterMemory | false>;
  #lastTurn: Promise<unknown> = Promise.resolve();

  /**
   * @param limits a limit for each scope; `false` switches one off. Default: `attempt` 60 in 60 s, `inviter` and
   *   `room` 10 in 33 s, `invitee` 5 in 1,667 s
   * @throws {TypeError} for an unknown scope or field, and for a number out of its range
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

  async consume(buckets: readonly RateLimitBucket[]): Promise<RateLimitDecision<MemoryRateLimitReceipt>> {
    const counters = this.#countersOf(buckets);
    return this.#inTurn(async () => {
      const refusal = await longestWait(counters);
      if (refusal !== undefined) return { allowed: false, ...refusal };
      const debits = await debited(counters);
      return { allowed: true, receipt: new Receipt(this, () => this.#giveBack(debits)) };
    });
  }

  async refund(receipt: MemoryRateLimitReceipt): Promise<void> {
    await Receipt.redeem(receipt, this)?.();
  }

  /** Says what `consume` would decide now, and takes nothing. */
  async peek(buckets: readonly RateLimitBucket[]): Promise<RateLimitForecast> {
    const counters = this.#countersOf(buckets);
    const refusal = await this.#inTurn(() => longestWait(counters));
    return refusal === undefined ? { allowed: true } : { allowed: false, ...refusal };
  }

  async #giveBack(debits: readonly Debit[]): Promise<void> {
    await this.#inTurn(() => Promise.all(debits.map(giveBack)));
  }

  #countersOf(buckets: readonly RateLimitBucket[]): readonly Counter[] {
    const counters: Counter[] = [];
    for (const { scope, key } of buckets) {
      const limiter = this.#limiters.get(scope);
      if (limiter === undefined) throw new TypeError(`Unknown rate limit scope "${scope}"`);
      const isNamedTwice = counters.some((counter) => counter.scope === scope && counter.key === key);
      if (limiter !== false && !isNamedTwice) counters.push({ limiter, scope, key });
    }
    return counters;
  }

  /**
   * Runs calls one after the other. The limiter counts at once but tells it by promise, so that another call could
   * debit a key between the look at it and the debit.
   */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastTurn.then(work);
    this.#lastTurn = result.catch(() => {});
    return result;
  }
}

/** The points of one key. */
type Counter = { readonly limiter: RateLimiterMemory; readonly scope: RateLimitScope; readonly key: string };

type Debit = {
  readonly counter: Counter;
  /** When the window ends that was debited, in milliseconds since the epoch. */
  readonly endsAt: number;
};

/**
 * How far apart two readings of one window's end may be, in milliseconds, since the clock runs on between them.
 * Ends of two windows of a key are a second apart or more, the shortest duration.
 */
const SAME_END_MS = 500;

function limiterOf(limit: RateLimit | false): RateLimiterMemory | false {
  return limit && new RateLimiterMemory({ points: limit.points, duration: limit.durationSeconds });
}

async function longestWait(
  counters: readonly Counter[],
): Promise<{ scope: RateLimitScope; retryAfterMs: number } | undefined> {
  let longest: { scope: RateLimitScope; retryAfterMs: number } | undefined;
  for (const { limiter, scope, key } of counters) {
    const retryAfterMs = waitOf(await limiter.get(key), limiter);
    if (retryAfterMs > (longest?.retryAfterMs ?? 0)) longest = { scope, retryAfterMs };
  }
  return longest;
}

/** Milliseconds until a point is free: 0 or less when one is, since a window may be over before its timer fires. */
function waitOf(count: RateLimiterRes | null, { points, msDuration }: RateLimiterMemory): number {
  if (count === null || count.consumedPoints < points) return 0;
  // A clock that was set back says too much; the window ends by its timer nevertheless.
  return Math.min(count.msBeforeNext, msDuration);
}

/** Takes a point of each. */
async function debited(counters: readonly Counter[]): Promise<readonly Debit[]> {
  const debits: Debit[] = [];
  for (const counter of counters) {
    // `consume` would judge again, and reject after other counters were debited, if the clock was set back since.
    debits.push({ counter, endsAt: endOf(await counter.limiter.penalty(counter.key)) });
  }
  return debits;
}

/** Gives a point back to the window that was debited. */
async function giveBack({ counter: { limiter, key }, endsAt }: Debit): Promise<void> {
  const count = await limiter.get(key);
  if (count === null || Math.abs(endOf(count) - endsAt) > SAME_END_MS) return;
  const { isFirstInDuration } = await limiter.reward(key);
  // The window was over, and the reward has opened another that has a point too many.
  if (isFirstInDuration) await limiter.delete(key);
}

function endOf(count: RateLimiterRes): number {
  return Date.now() + count.msBeforeNext;
}
