import type { RateLimitBucket, RateLimitDecision } from '../../../src/ports/rate-limit.ts';
import { type Count, type Receipt, ReferenceRateLimit } from '../reference/rate-limit.ts';

type Buckets = readonly RateLimitBucket[];
type Decision = Promise<RateLimitDecision<Receipt>>;

/** Consumes only from the second list. */
export class KeepingForgetsTheFirstList extends ReferenceRateLimit {
  override consumeKeeping(_kept: Buckets, refundable: Buckets): Decision {
    return this.consume(refundable);
  }
}

/** Consumes from one list after the other, and keeps the first point if the second list refuses. */
export class KeepingConsumesInTwoSteps extends ReferenceRateLimit {
  override async consumeKeeping(kept: Buckets, refundable: Buckets): Decision {
    const first = await this.consume(kept);
    return first.allowed ? this.consume(refundable) : first;
  }
}

/** Does not count the first list against its limit. */
export class KeepingIgnoresTheLimit extends ReferenceRateLimit {
  override async consumeKeeping(kept: Buckets, refundable: Buckets): Decision {
    const decision = await this.consume(refundable);
    if (decision.allowed) for (const bucket of kept) this.consumePoint(bucket);
    return decision;
  }
}

/** Refunds the points of both lists. */
export class KeepingRefundsEverything extends ReferenceRateLimit {
  override consumeKeeping(kept: Buckets, refundable: Buckets): Decision {
    return this.consume([...kept, ...refundable]);
  }
}

/** Sets no expiry for the points of the first list. */
export class KeepingNeverEnds extends ReferenceRateLimit {
  override async consumeKeeping(kept: Buckets, refundable: Buckets): Decision {
    const decision = await super.consumeKeeping(kept, refundable);
    if (decision.allowed) for (const bucket of kept) this.countOf(bucket).endsAt = Number.MAX_SAFE_INTEGER;
    return decision;
  }
}

/** Returns the refusal of the first list, if there is one. */
export class KeepingReturnsTheFirstList extends ReferenceRateLimit {
  override async consumeKeeping(kept: Buckets, refundable: Buckets): Decision {
    return this.refusal(kept) ?? super.consumeKeeping(kept, refundable);
  }
}

/** Counts the first list in the memory of each process. */
export class KeepingCountsInEachProcess extends ReferenceRateLimit {
  readonly #own = new Map<string, Count>();

  override async consumeKeeping(kept: Buckets, refundable: Buckets): Decision {
    const decision = await super.consumeKeeping(kept, refundable);
    for (const bucket of decision.allowed ? kept : []) {
      const name = this.keyOf(bucket);
      const count = this.#own.get(name) ?? { used: 0, endsAt: this.countOf(bucket).endsAt };
      count.used += 1;
      this.#own.set(name, count);
      this.counts.set(name, count);
    }
    return decision;
  }
}
