import { MatrixError } from '../errors.ts';
import { ExpiringMap } from '../internal/expiring-map.ts';

/**
 * What a request without login may cost: a unit is the request itself, a KiB of its body, an invite in it, or a check
 * of a signature.
 * A source that has used more than its burst waits until it is within it again.
 */
const OF_A_SOURCE = { unitsPerSecond: 50, burst: 200 };
/** Ten times as much, so that no source can use up what all have together. */
const OF_ALL = { unitsPerSecond: 500, burst: 5_000 };

/** Longer than any source has to wait. */
const MEMORY_MS = 600_000;
const MAX_SOURCES = 10_000;

/** Counts the work of requests that nobody authenticates: so much for each source, and for all sources together. */
export class WorkBudget {
  readonly #all = new Bucket(OF_ALL);
  readonly #sources = new ExpiringMap<Bucket>(MAX_SOURCES);

  /**
   * Admits a request. Its work may cost more than what is left. Then the next requests wait.
   *
   * @param source an IP address, or a network
   * @returns the function that counts the work of the request, in units
   * @throws {MatrixError} 429 if the budget is spent
   */
  admit(source: string): (units: number) => void {
    const bucket = this.#sources.get(source) ?? new Bucket(OF_A_SOURCE);
    const retryAfterMs = Math.max(bucket.waitMs, this.#all.waitMs);
    if (retryAfterMs > 0) {
      throw new MatrixError(429, 'M_LIMIT_EXCEEDED', 'Too many requests', { retryAfterMs });
    }
    this.#sources.set(source, bucket, MEMORY_MS);
    const spend = (units: number) => {
      bucket.add(units);
      this.#all.add(units);
    };
    spend(1);
    return spend;
  }
}

/** A leaky bucket. */
class Bucket {
  readonly #unitsPerSecond: number;
  readonly #burst: number;
  #level = 0;
  #drainedAt = performance.now();

  constructor({ unitsPerSecond, burst }: { readonly unitsPerSecond: number; readonly burst: number }) {
    this.#unitsPerSecond = unitsPerSecond;
    this.#burst = burst;
  }

  /** The time until there is room for another unit, in milliseconds. */
  get waitMs(): number {
    this.#drain();
    return Math.max(0, ((this.#level + 1 - this.#burst) / this.#unitsPerSecond) * 1_000);
  }

  add(units: number): void {
    this.#drain();
    this.#level += units;
  }

  #drain(): void {
    const now = performance.now();
    this.#level = Math.max(0, this.#level - ((now - this.#drainedAt) / 1_000) * this.#unitsPerSecond);
    this.#drainedAt = now;
  }
}
