import type { RateLimitAdapter, RateLimitBucket } from 'express-matrix-invite';
import {
  MemoryRateLimit,
  type MemoryRateLimitReceipt,
  type RateLimits,
} from 'express-matrix-invite/rate-limit/memory';

/** A receipt goes back to the counters that it came from. */
type Receipt = { readonly from: MemoryRateLimit; readonly receipt: MemoryRateLimitReceipt };

/** Limits whose counters can start over. */
export class RestartableRateLimit implements RateLimitAdapter<Receipt> {
  readonly #limits: RateLimits;
  #current: MemoryRateLimit;

  constructor(limits: RateLimits) {
    this.#limits = limits;
    this.#current = new MemoryRateLimit(limits);
  }

  restart(): void {
    this.#current = new MemoryRateLimit(this.#limits);
  }

  async consume(buckets: readonly RateLimitBucket[]) {
    const from = this.#current;
    const decision = await from.consume(buckets);
    return decision.allowed ? { ...decision, receipt: { from, receipt: decision.receipt } } : decision;
  }

  refund({ from, receipt }: Receipt) {
    return from.refund(receipt);
  }

  peek(buckets: readonly RateLimitBucket[]) {
    return this.#current.peek(buckets);
  }
}
