import type { Logger } from '../../../src/ports/logger.ts';

/** Whether the JWKS can be fetched, as the log is told: once a change. */
export class Outage {
  readonly #logger: Pick<Logger, 'warn'>;
  #failure: { readonly error: unknown; readonly at: number } | undefined;

  constructor(logger: Pick<Logger, 'warn'> = consoleLogger) {
    this.#logger = logger;
  }

  get isOn(): boolean {
    return this.#failure !== undefined;
  }

  /** Why the last fetch failed, if it was less than this many milliseconds ago. */
  failureWithin(milliseconds: number): { readonly error: unknown } | undefined {
    const isRecent = this.#failure !== undefined && performance.now() - this.#failure.at < milliseconds;
    return isRecent ? this.#failure : undefined;
  }

  failed(error: unknown): void {
    const isNew = this.#failure === undefined;
    this.#failure = { error, at: performance.now() };
    if (isNew)
      this.#logger.warn(
        { err: error },
        'The JWKS cannot be fetched: keys that are known hold for a time, tokens by others are answered 503',
      );
  }

  fetched(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#logger.warn({}, 'The JWKS can be fetched again');
  }
}

const consoleLogger: Pick<Logger, 'warn'> = {
  warn(details, message) {
    console.warn(`express-matrix-invite: ${message}`, details);
  },
};
