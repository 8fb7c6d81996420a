import type { Logger } from '../ports/logger.ts';
import { defaultLogger, writeLine } from './logger.ts';

type OutageOptions = {
  /** Log message when the service stops responding. */
  readonly failed: string;
  /** Log message when it responds again. */
  readonly recovered: string;
  /** Milliseconds without a failure until the service counts as recovered. Default 0: the first success. */
  readonly recoveredAfterMs?: number;
  /** Default: the console. */
  readonly logger?: Logger | undefined;
};

/** Tracks whether an outside service responds, and logs each change once. */
export class Outage {
  readonly #options: OutageOptions;
  #lastFailure: { readonly error: unknown; readonly at: number } | undefined;

  constructor(options: OutageOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#lastFailure !== undefined;
  }

  /** Returns the last failure if it is less than this many milliseconds old. */
  failureWithin(milliseconds: number): { readonly error: unknown } | undefined {
    return this.#age() < milliseconds ? this.#lastFailure : undefined;
  }

  reportFailure(error: unknown): void {
    const isNew = !this.isOn;
    this.#lastFailure = { error, at: performance.now() };
    if (isNew) this.#warn({ err: error }, this.#options.failed);
  }

  reportSuccess(): void {
    if (!this.isOn || this.#age() < (this.#options.recoveredAfterMs ?? 0)) return;
    this.#lastFailure = undefined;
    this.#warn({}, this.#options.recovered);
  }

  #age(): number {
    return this.#lastFailure === undefined
      ? Number.POSITIVE_INFINITY
      : performance.now() - this.#lastFailure.at;
  }

  #warn(details: object, message: string): void {
    writeLine(this.#options.logger ?? defaultLogger, 'warn', details, message);
  }
}
