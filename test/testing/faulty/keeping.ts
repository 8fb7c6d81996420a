import type { RateLimitBucket, RateLimitDecision } from '../../../src/ports/rate-limit.ts';
import { type Receipt, ReferenceRateLimit } from '../reference/rate-limit.ts';

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
