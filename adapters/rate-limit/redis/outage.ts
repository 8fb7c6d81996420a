import type { Logger } from '../../../src/ports/logger.ts';

/** What happens while Redis cannot be asked. */
export type OnStoreError = 'memory' | 'allow' | 'deny';

const CONSEQUENCES: { readonly [Choice in OnStoreError]: string } = {
  memory: 'each process counts rate limits for itself',
  allow: 'nothing is limited',
  deny: 'every limited request is turned away',
};

/**
 * Milliseconds without a failure after which Redis counts as being back. Of a cluster that lost a node some keys fail
 * and others do not: without a pause that would be one change of state a request.
 */
const RECOVERED_AFTER_MS = 1_000;

/** Whether Redis answers, as the log is told: once a change. Calls are made regardless of it. */
export class Outage {
  readonly #onStoreError: OnStoreError;
  readonly #logger: Pick<Logger, 'warn'>;
  #lastFailureAt: number | undefined;

  constructor(onStoreError: OnStoreError, logger: Pick<Logger, 'warn'> = consoleLogger) {
    this.#onStoreError = onStoreError;
    this.#logger = logger;
  }

  failed(err: unknown): void {
    const isNew = this.#lastFailureAt === undefined;
    this.#lastFailureAt = performance.now();
    if (!isNew) return;
    const consequence = CONSEQUENCES[this.#onStoreError];
    this.#logger.warn({ err }, `Redis cannot be asked for rate limits: ${consequence}`);
  }

  answered(): void {
    if (this.#lastFailureAt === undefined) return;
    if (performance.now() - this.#lastFailureAt < RECOVERED_AFTER_MS) return;
    this.#lastFailureAt = undefined;
    this.#logger.warn({}, 'Redis can be asked for rate limits again');
  }
}

const consoleLogger: Pick<Logger, 'warn'> = {
  warn(details, message) {
    console.warn(`express-matrix-invite: ${message}`, details);
  },
};
