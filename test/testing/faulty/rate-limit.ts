import type { RateLimitBucket, RateLimitDecision } from '../../../src/ports/rate-limit.ts';
import {
  type Clock,
  type Count,
  type Limits,
  type Receipt,
  ReferenceRateLimit,
} from '../reference/rate-limit.ts';
import { pause } from '../reference/storage.ts';

type Buckets = readonly RateLimitBucket[];
type Decision = Promise<RateLimitDecision<Receipt>>;

/** Consumes from bucket after bucket, and refunds nothing if a later one is empty. */
export class KeepsThePointsOfRefusedCalls extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    for (const bucket of buckets) {
      const refusal = this.refusal([bucket]);
      if (refusal !== undefined) return refusal;
      this.consumePoint(bucket);
    }
    return { allowed: true, receipt: { consumed: [], isSpent: false } };
  }
}

/** Checks, waits for its store, then consumes. */
export class ChecksThenConsumes extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    const refusal = this.refusal(buckets);
    await pause();
    if (refusal !== undefined) return refusal;
    return {
      allowed: true,
      receipt: { consumed: buckets.map((bucket) => this.consumePoint(bucket)), isSpent: false },
    };
  }
}

/** Counts refused calls, as a bare INCR does. */
export class CountsRefusedCalls extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    const decision = await super.consume(buckets);
    if (!decision.allowed) for (const bucket of buckets) this.consumePoint(bucket);
    return decision;
  }
}

/** Restarts the window on every refused call. */
export class LengthensTheWindow extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    const decision = await super.consume(buckets);
    if (!decision.allowed) {
      for (const bucket of buckets)
        this.countOf(bucket).endsAt = this.clock.now + this.windowMs[bucket.scope];
    }
    return decision;
  }
}

/** Sets no expiry. */
export class NeverEnds extends ReferenceRateLimit {
  override countOf(bucket: RateLimitBucket): Count {
    return this.counts.get(this.keyOf(bucket)) ?? super.countOf(bucket);
  }
}

/** Returns the first refusal that it finds. */
export class ReturnsTheFirstRefusal extends ReferenceRateLimit {
  override refusal(buckets: Buckets): ReturnType<ReferenceRateLimit['refusal']> {
    for (const bucket of buckets) {
      const refusal = super.refusal([bucket]);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }
}

/** Returns the wait in seconds. */
export class ReturnsSeconds extends ReferenceRateLimit {
  override refusal(buckets: Buckets): ReturnType<ReferenceRateLimit['refusal']> {
    const refusal = super.refusal(buckets);
    return refusal && { ...refusal, retryAfterMs: Math.ceil(refusal.retryAfterMs / 1_000) };
  }
}

/** Counts a key across all scopes. */
export class OneKeyForAllScopes extends ReferenceRateLimit {
  override keyOf({ key }: RateLimitBucket): string {
    return key;
  }
}

/** Cuts keys at their first colon. */
export class CutsKeysAtColons extends ReferenceRateLimit {
  override keyOf({ scope, key }: RateLimitBucket): string {
    return `${scope}:${key.split(':')[0]}`;
  }
}

/** Normalizes keys. */
export class NormalizesKeys extends ReferenceRateLimit {
  override keyOf(bucket: RateLimitBucket): string {
    return super.keyOf(bucket).normalize('NFC');
  }
}

/** Counts in the memory of each process. */
export class CountsInEachProcess extends ReferenceRateLimit {
  constructor(points: Limits, windowMs: Limits, clock: Clock) {
    super(points, windowMs, clock, new Map());
  }
}

/** Refunds on every call. */
export class RefundsTwice extends ReferenceRateLimit {
  override refund(receipt: Receipt): Promise<void> {
    return super.refund({ ...receipt, isSpent: false });
  }
}

/** Marks a receipt as spent only after the refund. */
export class RefundsThenMarks extends ReferenceRateLimit {
  override async refund(receipt: Receipt): Promise<void> {
    if (receipt.isSpent) return;
    await super.refund({ ...receipt });
    receipt.isSpent = true;
  }
}

/** Decrements whatever it finds for the key: for an expired key, that creates a point. */
export class RefundsIntoAnyWindow extends ReferenceRateLimit {
  override async refund(receipt: Receipt): Promise<void> {
    if (receipt.isSpent) return;
    receipt.isSpent = true;
    for (const { key } of receipt.consumed) {
      const found = this.counts.get(key);
      const isLive = found !== undefined && found.endsAt > this.clock.now;
      if (isLive) found.used -= 1;
      else this.counts.set(key, { used: -1, endsAt: this.clock.now + 60_000 });
    }
  }
}

/** Refunds only to the first bucket. */
export class RefundsOneBucket extends ReferenceRateLimit {
  override refund(receipt: Receipt): Promise<void> {
    return super.refund({ consumed: receipt.consumed.slice(0, 1), isSpent: receipt.isSpent });
  }
}
