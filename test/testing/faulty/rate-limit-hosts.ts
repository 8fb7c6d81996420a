import type { RateLimitBucket, RateLimitDecision } from '../../../src/ports/rate-limit.ts';
import { type Count, type Receipt, ReferenceRateLimit } from '../reference/rate-limit.ts';

type Buckets = readonly RateLimitBucket[];
type Decision = Promise<RateLimitDecision<Receipt>>;

/** Returns the longest wait of all buckets, also of those that have points. */
export class ReturnsTheLongestWindow extends ReferenceRateLimit {
  override refusal(buckets: Buckets): ReturnType<ReferenceRateLimit['refusal']> {
    const refusal = super.refusal(buckets);
    const waits = buckets.map((bucket) => this.countOf(bucket).endsAt - this.clock.now);
    return refusal && { ...refusal, retryAfterMs: Math.max(...waits) };
  }
}

/** Remembers in its process until when a bucket is blocked, as `inMemoryBlockOnConsumed` does. */
export class RemembersBlocks extends ReferenceRateLimit {
  readonly blocked: Map<string, number> = new Map();

  override refusal(buckets: Buckets): ReturnType<ReferenceRateLimit['refusal']> {
    const waits = buckets
      .map(({ scope, key }) => ({
        scope,
        wait: (this.blocked.get(this.keyOf({ scope, key })) ?? 0) - this.clock.now,
      }))
      .sort((one, other) => other.wait - one.wait);
    const [longest] = waits;
    if (longest !== undefined && longest.wait > 0)
      return { allowed: false, scope: longest.scope, retryAfterMs: longest.wait };
    const refusal = super.refusal(buckets);
    for (const bucket of refusal && buckets.length === 1 ? buckets : []) {
      const count = this.countOf(bucket);
      if (count.used >= this.points[bucket.scope]) this.blocked.set(this.keyOf(bucket), count.endsAt);
    }
    return refusal;
  }

  override async refund(receipt: Receipt): Promise<void> {
    for (const { key } of receipt.consumed) this.blocked.delete(key);
    await super.refund(receipt);
  }
}

/** Sets the expiry again when it refunds. */
export class RefundsRestartTheWindow extends ReferenceRateLimit {
  override async refund(receipt: Receipt): Promise<void> {
    for (const { count } of receipt.consumed) {
      if (!receipt.isSpent && count.endsAt > this.clock.now) count.endsAt = this.clock.now + 33_000;
    }
    await super.refund(receipt);
  }
}

/** Deletes the whole count when it refunds. */
export class RefundsEverything extends ReferenceRateLimit {
  override async refund(receipt: Receipt): Promise<void> {
    await super.refund(receipt);
    for (const { key, count } of receipt.consumed) if (this.counts.get(key) === count) count.used = 0;
  }
}

/** Sets the expiry again with every point, as INCR with EXPIRE does. */
export class RestartsTheWindowWithEveryPoint extends ReferenceRateLimit {
  override consumePoint(bucket: RateLimitBucket): { key: string; count: Count } {
    const consumed = super.consumePoint(bucket);
    consumed.count.endsAt = this.clock.now + this.windowMs[bucket.scope];
    return consumed;
  }
}

/** Starts windows at multiples of their length. */
export class AlignsWindowsToTheClock extends ReferenceRateLimit {
  override countOf(bucket: RateLimitBucket): Count {
    const count = super.countOf(bucket);
    const length = this.windowMs[bucket.scope];
    if (count.used === 0) count.endsAt = (Math.floor(this.clock.now / length) + 1) * length;
    return count;
  }
}

/** Allows everything while too many wait. */
export class FailsOpenAbove100 extends ReferenceRateLimit {
  waiting = 0;

  override async consume(buckets: Buckets): Decision {
    if (this.waiting >= 100) return { allowed: true, receipt: { consumed: [], isSpent: true } };
    this.waiting += 1;
    try {
      return await super.consume(buckets);
    } finally {
      this.waiting -= 1;
    }
  }
}

/** Evicts the oldest of 1,000 keys. */
export class EvictsTheOldestKey extends ReferenceRateLimit {
  override consumePoint(bucket: RateLimitBucket): { key: string; count: Count } {
    const consumed = super.consumePoint(bucket);
    const [oldest] = this.counts.keys();
    if (this.counts.size > 1_000 && oldest !== undefined) this.counts.delete(oldest);
    return consumed;
  }
}

/** Sets the expiry of all counts of a call to the window of its first bucket. */
export class UsesTheFirstWindow extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    const decision = await super.consume(buckets);
    const [first] = buckets;
    if (!decision.allowed || first === undefined) return decision;
    for (const { count } of decision.receipt.consumed) {
      if (count.used === 1) count.endsAt = this.clock.now + this.windowMs[first.scope];
    }
    return decision;
  }
}
