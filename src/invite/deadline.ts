import { isMatrixError } from '../errors.ts';
import { DeadlineContext } from '../internal/call-context.ts';
import { readable } from '../internal/thrown.ts';
import type { CallContext } from '../ports/context.ts';
import type { HostCall } from '../ports/outcome.ts';

/**
 * The time limit of one request. Adapters get its signal. If one ignores it, the wait for it still ends when the time
 * is over.
 */
export class Deadline {
  readonly context: CallContext;
  /** The first call that failed or was late. */
  failedCall: HostCall | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #stopFollowing: (() => void) | undefined;
  /** Ends each pending wait. `Promise.race` would take twice as long. */
  readonly #waits = new Set<(error: DeadlineOverError) => void>();
  #isOver = false;

  /**
   * @param milliseconds how long it lasts, from now
   * @param callerSignal a signal that ends it early
   */
  constructor(milliseconds: number, callerSignal?: AbortSignal) {
    const context = new DeadlineContext();
    const abort = () => {
      this.#isOver = true;
      for (const end of this.#waits) end(new DeadlineOverError('an adapter'));
      DeadlineContext.abort(context);
    };
    this.context = context;
    this.#timer = setTimeout(abort, milliseconds);
    if (callerSignal === undefined) return;
    this.#stopFollowing = () => callerSignal.removeEventListener('abort', abort);
    callerSignal.addEventListener('abort', abort, { once: true });
    if (callerSignal.aborted) abort();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * @param call the next call
   * @throws {DeadlineOverError} when the time is over
   */
  throwIfOver(call: HostCall): void {
    if (!this.isOver) return;
    this.failedCall ??= call;
    throw new DeadlineOverError(call);
  }

  /** Settles as `work` does, or rejects with a {@link DeadlineOverError} when the time is over first. */
  race<T>(work: Promise<T>): Promise<T> {
    return this.#race(work, (error) => error);
  }

  /**
   * Calls an adapter with this deadline's context, and waits for it as {@link race} does. If `work` throws, the result
   * rejects.
   *
   * @param call the name of the call, for logs and metrics
   * @param whenLate called with the unsettled promise, if the time is over first
   */
  call<T>(
    call: HostCall,
    work: (context: CallContext) => T | Promise<T>,
    whenLate?: (leftBehind: Promise<T>) => void,
  ): Promise<T> {
    let started: Promise<T> | undefined;
    const toError = (thrown: unknown) => {
      const error = readable(thrown);
      // A refusal is a valid response.
      if (!isMatrixError(error)) this.failedCall ??= call;
      // An adapter that heeds the signal may report the deadline first, with its own error.
      if (!this.isOver) return error;
      if (started !== undefined) whenLate?.(started);
      return new DeadlineOverError(call, error);
    };
    try {
      this.throwIfOver(call);
      started = Promise.resolve(work(this.context));
    } catch (error) {
      return Promise.reject(toError(error));
    }
    return this.#race(started, toError);
  }

  /**
   * Settles as `work` does, or fails when the time is over first. It uses one promise. Nested `async` functions would
   * use three.
   *
   * @param toError makes the error to reject with; called at most once
   */
  #race<T>(work: Promise<T>, toError: (error: unknown) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        if (!this.#waits.delete(fail)) return;
        try {
          reject(toError(error));
        } catch (thrown) {
          // Nothing else would end this wait.
          reject(thrown);
        }
      };
      this.#waits.add(fail);
      work.then((value) => {
        this.#waits.delete(fail);
        resolve(value);
      }, fail);
      // Work that has already settled still wins.
      if (this.#isOver) queueMicrotask(() => fail(new DeadlineOverError('an adapter')));
    });
  }

  /** Stops the clock. Call it once the request is done. */
  end(): void {
    clearTimeout(this.#timer);
    this.#stopFollowing?.();
  }
}

/** An adapter did not respond in time. */
export class DeadlineOverError extends Error {
  readonly code = 'ERR_DEADLINE_OVER';

  constructor(what: string, cause?: unknown) {
    super(`Deadline exceeded: ${what} took too long`, cause instanceof DeadlineOverError ? {} : { cause });
    this.name = 'DeadlineOverError';
  }
}
