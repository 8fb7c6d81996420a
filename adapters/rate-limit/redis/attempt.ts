import { RateLimiterRes } from 'rate-limiter-flexible';
import type { Counter } from './counter.ts';

/** What has become so far of a command for one bucket: a look at its points, the taking or giving back of one. */
export class Attempt {
  readonly counter: Counter;
  /** Resolves when Redis has answered or failed; never rejects. */
  readonly settled: Promise<void>;
  #state: 'pending' | 'granted' | 'refused' | 'failed' = 'pending';
  #retryAfterMs = 0;
  #error: unknown;

  /** @param outcome rejects with a `RateLimiterRes` where there is no point */
  constructor(counter: Counter, outcome: Promise<unknown>) {
    this.counter = counter;
    this.settled = outcome.then(
      () => {
        this.#state = 'granted';
      },
      (error: unknown) => this.#fail(error),
    );
  }

  get isPending(): boolean {
    return this.#state === 'pending';
  }

  /** Milliseconds until a point is free, where there was none. */
  get retryAfterMs(): number | undefined {
    return this.#state === 'refused' ? this.#retryAfterMs : undefined;
  }

  /** Why it is not known what Redis did, where it is not. */
  get failure(): { readonly error: unknown } | undefined {
    if (this.#state === 'failed') return { error: this.#error };
    return this.isPending ? { error: new Error('Redis has not answered in time') } : undefined;
  }

  /**
   * Gives back the point that a call took, as soon as Redis has answered whether it did. Where that fails the point
   * is back when the window ends.
   */
  async undo(call: string): Promise<void> {
    await this.settled;
    if (this.#state !== 'refused') await this.counter.giveBack(call).catch(() => {});
  }

  #fail(error: unknown): void {
    if (error instanceof RateLimiterRes) {
      this.#state = 'refused';
      this.#retryAfterMs = Math.max(Number(error.msBeforeNext), 1);
    } else {
      this.#state = 'failed';
      this.#error = error;
    }
  }
}
