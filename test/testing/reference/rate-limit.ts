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
export type Receipt = { readonly taken: readonly { text: string; count: Count }[]; isSpent: boolean };

export type Clock = { readonly now: number };

/** The machine's clock. */
export class SystemClock implements Clock {
  get now(): number {
    return performance.now();
  }
}

/** A clock that only moves when it is told to. */
export class ManualClock implements Clock {
  now = 1_000_000;

  advance(ms: number): void {
    this.now += ms;
  }
}

/** The smallest correct rate limit: fixed windows that start with a key's first point. */
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

  textOf({ scope, key }: RateLimitBucket): string {
    return JSON.stringify([scope, key]);
  }

  /** The count of the window that lives, or a fresh one. */
  countOf(bucket: RateLimitBucket): Count {
    const count = this.counts.get(this.textOf(bucket));
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

  debit(bucket: RateLimitBucket): { text: string; count: Count } {
    const count = this.countOf(bucket);
    count.used += 1;
    this.counts.set(this.textOf(bucket), count);
    return { text: this.textOf(bucket), count };
  }

  distinct(named: readonly RateLimitBucket[]): readonly RateLimitBucket[] {
    return [...new Map(named.map((bucket) => [this.textOf(bucket), bucket])).values()];
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
    return { allowed: true, receipt: { taken: buckets.map((bucket) => this.debit(bucket)), isSpent: false } };
  }

  async refund(receipt: Receipt): Promise<void> {
    await pause();
    if (receipt.isSpent) return;
    receipt.isSpent = true;
    for (const { text, count } of receipt.taken) {
      if (this.counts.get(text) === count && count.endsAt > this.clock.now) count.used -= 1;
    }
  }
}
