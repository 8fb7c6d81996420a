import type { CallContext } from '../ports/context.ts';

/**
 * The time that one request may take. Adapters get its signal; those that do not heed it are left behind, since
 * `race` settles when the time is over, whatever they do.
 */
export class Deadline {
  readonly context: CallContext;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #over: Promise<never>;
  readonly #stopFollowing: () => void;

  /**
   * @param milliseconds how long it lasts, from now
   * @param callerSignal a signal that ends it early
   */
  constructor(milliseconds: number, callerSignal?: AbortSignal) {
    const { signal } = this.#controller;
    const abort = () => this.#controller.abort();
    this.context = { signal };
    this.#timer = setTimeout(abort, milliseconds);
    this.#over = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new DeadlineOverError('an adapter')), { once: true });
    });
    // Nobody may be racing when it ends.
    this.#over.catch(() => {});
    this.#stopFollowing = () => callerSignal?.removeEventListener('abort', abort);
    callerSignal?.addEventListener('abort', abort, { once: true });
    if (callerSignal?.aborted) abort();
  }

  get isOver(): boolean {
    return this.context.signal.aborted;
  }

  /**
   * @param what would come next, for the log
   * @throws {DeadlineOverError} when the time is over
   */
  throwIfOver(what: string): void {
    if (this.isOver) throw new DeadlineOverError(what);
  }

  /** Settles as `work` does, or rejects with a {@link DeadlineOverError} when the time is over first. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#over]);
  }

  /**
   * Calls with this deadline's context, and races: a function that throws at once rejects.
   *
   * @param what is called, for the log
   * @param whenLate gets what was left behind, when the time was over first
   */
  async call<T>(
    what: string,
    work: (context: CallContext) => T | Promise<T>,
    whenLate?: (leftBehind: Promise<T>) => void,
  ): Promise<T> {
    this.throwIfOver(what);
    const started = Promise.resolve(work(this.context));
    try {
      return await this.race(started);
    } catch (error) {
      // An adapter that heeds the signal may be the first to say so, in words of its own.
      if (!this.isOver) throw error;
      whenLate?.(started);
      throw new DeadlineOverError(what, error);
    }
  }

  /** Stops the clock. To be called once the request is done. */
  end(): void {
    clearTimeout(this.#timer);
    this.#stopFollowing();
  }
}

/** An adapter did not answer in time. */
export class DeadlineOverError extends Error {
  readonly code = 'ERR_DEADLINE_OVER';

  constructor(what: string, cause?: unknown) {
    super(`The deadline is over: ${what} took too long`, cause instanceof DeadlineOverError ? {} : { cause });
    this.name = 'DeadlineOverError';
  }
}
