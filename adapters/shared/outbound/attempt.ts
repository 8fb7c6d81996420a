import { OutboundError, type OutboundFailure } from './error.ts';

/** One request to a server. It makes the errors of each step on the way. */
export class Attempt {
  /** Aborted when the time for the complete answer is over. */
  readonly signal: AbortSignal;
  readonly server: string;
  readonly #startedAt = performance.now();
  #isSent = false;

  constructor(server: string, signal: AbortSignal) {
    this.server = server;
    this.signal = signal;
  }

  /** The time since it began, in whole milliseconds. */
  get ms(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  /** Tells that the request may be on its way, because a connection is ready for it. */
  markSent(): void {
    this.#isSent = true;
  }

  /**
   * Returns the error for a failure, or for the end of the time if that is the reason.
   *
   * @param cause the error of Node. Its message can contain addresses, so only its code is kept.
   */
  error(failure: OutboundFailure, cause?: unknown): OutboundError {
    if (cause instanceof OutboundError) return cause;
    const isNotSent = !this.#isSent;
    return this.signal.aborted
      ? new OutboundError('timeout', this.server, this.ms, { isNotSent })
      : new OutboundError(failure, this.server, this.ms, { isNotSent, detail: codeOf(cause) });
  }
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : undefined;
}
