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

/** Takes bucket after bucket, and keeps what it took when a later one refuses. */
export class KeepsThePointsOfRefusedCalls extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    for (const bucket of buckets) {
      const refusal = this.refusal([bucket]);
      if (refusal !== undefined) return refusal;
      this.debit(bucket);
    }
    return { allowed: true, receipt: { taken: [], isSpent: false } };
  }
}

/** Looks, waits for its store, and takes. */
export class LooksThenTakes extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    const refusal = this.refusal(buckets);
    await pause();
    if (refusal !== undefined) return refusal;
    return { allowed: true, receipt: { taken: buckets.map((bucket) => this.debit(bucket)), isSpent: false } };
  }
}

/** Counts refused calls, as a bare INCR does. */
export class CountsRefusedCalls extends ReferenceRateLimit {
  override async consume(buckets: Buckets): Decision {
    const decision = await super.consume(buckets);
    if (!decision.allowed) for (const bucket of buckets) this.debit(bucket);
    return decision;
  }
}

/** Begins the window anew with every refused call. */
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
    return this.counts.get(this.textOf(bucket)) ?? super.countOf(bucket);
  }
}

/** Names the first refusal that it meets. */
export class NamesTheFirstRefusal extends ReferenceRateLimit {
  override refusal(buckets: Buckets): ReturnType<ReferenceRateLimit['refusal']> {
    for (const bucket of buckets) {
      const refusal = super.refusal([bucket]);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }
}

/** Names the wait in seconds. */
export class NamesSeconds extends ReferenceRateLimit {
  override refusal(buckets: Buckets): ReturnType<ReferenceRateLimit['refusal']> {
    const refusal = super.refusal(buckets);
    return refusal && { ...refusal, retryAfterMs: Math.ceil(refusal.retryAfterMs / 1_000) };
  }
}

/** Counts a key in all scopes together. */
export class OneKeyForAllScopes extends ReferenceRateLimit {
  override textOf({ key }: RateLimitBucket): string {
    return key;
  }
}

/** Counts keys by what stands before their colon. */
export class CutsKeysAtColons extends ReferenceRateLimit {
  override textOf({ scope, key }: RateLimitBucket): string {
    return `${scope}:${key.split(':')[0]}`;
  }
}

/** Normalises keys. */
export class NormalisesKeys extends ReferenceRateLimit {
  override textOf(bucket: RateLimitBucket): string {
    return super.textOf(bucket).normalize('NFC');
  }
}

/** Counts in the memory of each process. */
export class CountsInEachProcess extends ReferenceRateLimit {
  constructor(points: Limits, windowMs: Limits, clock: Clock) {
    super(points, windowMs, clock, new Map());
  }
}

/** Gives back whenever it is asked. */
export class RefundsTwice extends ReferenceRateLimit {
  override refund(receipt: Receipt): Promise<void> {
    return super.refund({ ...receipt, isSpent: false });
  }
}

/** Marks a receipt as spent only when it has given back. */
export class RefundsThenMarks extends ReferenceRateLimit {
  override async refund(receipt: Receipt): Promise<void> {
    if (receipt.isSpent) return;
    await super.refund({ ...receipt });
    receipt.isSpent = true;
  }
}

/** Decrements whatever it finds under the key; on an expired one that makes a point out of nothing. */
export class RefundsIntoAnyWindow extends ReferenceRateLimit {
  override async refund(receipt: Receipt): Promise<void> {
    if (receipt.isSpent) return;
    receipt.isSpent = true;
    for (const { text } of receipt.taken) {
      const found = this.counts.get(text);
      const isLive = found !== undefined && found.endsAt > this.clock.now;
      if (isLive) found.used -= 1;
      else this.counts.set(text, { used: -1, endsAt: this.clock.now + 60_000 });
    }
  }
}

/** Gives back to the first bucket only. */
export class RefundsOneBucket extends ReferenceRateLimit {
  override refund(receipt: Receipt): Promise<void> {
    return super.refund({ taken: receipt.taken.slice(0, 1), isSpent: receipt.isSpent });
  }
}
