import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
  RateLimitScope,
} from '../../../src/ports/rate-limit.ts';
import { pause } from './storage.ts';

export type Limits = Record<RateLimitScope, number>;
export type Count = { used: number; endsAt: number };
export type Receipt = { readonly consumed: readonly { key: string; count: Count }[]; isSpent: boolean };

export type Clock = { readonly now: number };

/** The system clock. */
export class SystemClock implements Clock {
  get now(): number {
    return performance.now();
  }
}

/** A clock that only moves in `advance`. */
export class ManualClock implements Clock {
  now = 1_000_000;

  advance(ms: number): void {
    this.now += ms;
  }
}

/** The smallest correct rate limit: fixed windows that start with the first point of a key. */
export class ReferenceRateLimit implements RateLimitAdapter<Receipt> {
  readonly points: Limits;
  readonly windowMs: Limits;
  readonly clock: Clock;
  readonly counts: Map<string, Count>;

  constructor(points: Limits, windowMs: Limits, clock: Clock, counts = new Map<string, Count>()) {
    this.points = points;
    this.windowMs = windowMs;
    this.clock = clock;
    this.counts = counts;
  }

  keyOf({ scope, key }: RateLimitBucket): string {
    return JSON.stringify([scope, key]);
  }

  /** Returns the count of the open window, or of a new one. */
  countOf(bucket: RateLimitBucket): Count {
    const count = this.counts.get(this.keyOf(bucket));
    if (count !== undefined && count.endsAt > this.clock.now) return count;
    return { used: 0, endsAt: this.clock.now + this.windowMs[bucket.scope] };
  }

  refusal(
    buckets: readonly RateLimitBucket[],
  ): (RateLimitDecision<Receipt> & { allowed: false }) | undefined {
    const waits = buckets
      .filter((bucket) => this.countOf(bucket).used >= this.points[bucket.scope])
      .map((bucket) => ({ scope: bucket.scope, wait: this.countOf(bucket).endsAt - this.clock.now }))
      .sort((one, other) => other.wait - one.wait);
    const [longest] = waits;
    return longest && { allowed: false, scope: longest.scope, retryAfterMs: longest.wait };
  }

  consumePoint(bucket: RateLimitBucket): { key: string; count: Count } {
    const count = this.countOf(bucket);
    count.used += 1;
    this.counts.set(this.keyOf(bucket), count);
    return { key: this.keyOf(bucket), count };
  }

  distinct(named: readonly RateLimitBucket[]): readonly RateLimitBucket[] {
    return [...new Map(named.map((bucket) => [this.keyOf(bucket), bucket])).values()];
  }

  async consumeKeeping(
    kept: readonly RateLimitBucket[],
    refundable: readonly RateLimitBucket[],
  ): Promise<RateLimitDecision<Receipt>> {
    const decision = await this.consume([...kept, ...refundable]);
    if (!decision.allowed) return decision;
    const keys = kept.map((bucket) => this.keyOf(bucket));
    const consumed = decision.receipt.consumed.filter(({ key }) => !keys.includes(key));
    return { allowed: true, receipt: { ...decision.receipt, consumed } };
  }

  async peek(named: readonly RateLimitBucket[]): Promise<RateLimitForecast> {
    await pause();
    return this.refusal(this.distinct(named)) ?? { allowed: true };
  }

  async consume(named: readonly RateLimitBucket[]): Promise<RateLimitDecision<Receipt>> {
    await pause();
    const buckets = this.distinct(named);
    const refusal = this.refusal(buckets);
    if (refusal !== undefined) return refusal;
    return {
      allowed: true,
      receipt: { consumed: buckets.map((bucket) => this.consumePoint(bucket)), isSpent: false },
    };
  }

  async refund(receipt: Receipt): Promise<void> {
    await pause();
    if (receipt.isSpent) return;
    receipt.isSpent = true;
    for (const { key, count } of receipt.consumed) {
      if (this.counts.get(key) === count && count.endsAt > this.clock.now) count.used -= 1;
    }
  }
}
