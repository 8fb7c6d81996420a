import { isMatrixError } from '../errors.ts';
import { DeadlineContext } from '../internal/call-context.ts';
import type { CallContext } from '../ports/context.ts';
import type { HostCall, InviteTrace } from './trace.ts';

/**
 * The time that one request may take. Adapters get its signal; those that do not heed it are left behind, since
 * `race` settles when the time is over, whatever they do.
 */
export class Deadline {
  readonly context: CallContext;
  /** The first call that failed or was late. */
  failedCall: HostCall | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #stopFollowing: () => void;
  /** Ends each wait that is under way. `Promise.race` would take twice as long. */
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
    this.#stopFollowing = () => callerSignal?.removeEventListener('abort', abort);
    callerSignal?.addEventListener('abort', abort, { once: true });
    if (callerSignal?.aborted) abort();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * @param call would come next
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
   * Calls with this deadline's context, and races: a function that throws at once rejects.
   *
   * @param call what is called, for logs and metrics
   * @param whenLate gets what was left behind, when the time was over first
   */
  call<T>(
    call: HostCall,
    work: (context: CallContext) => T | Promise<T>,
    whenLate?: (leftBehind: Promise<T>) => void,
  ): Promise<T> {
    let started: Promise<T> | undefined;
    const failure = (error: unknown) => {
      // A refusal is an answer.
      if (!isMatrixError(error)) this.failedCall ??= call;
      // An adapter that heeds the signal may be the first to say so, in words of its own.
      if (!this.isOver) return error;
      if (started !== undefined) whenLate?.(started);
      return new DeadlineOverError(call, error);
    };
    try {
      this.throwIfOver(call);
      started = Promise.resolve(work(this.context));
    } catch (error) {
      return Promise.reject(failure(error));
    }
    return this.#race(started, failure);
  }

  /**
   * Settles as `work` does, or fails when the time is over first: by one promise, where an `async` function around
   * another takes three.
   *
   * @param failureOf makes what it rejects with; called once at most
   */
  #race<T>(work: Promise<T>, failureOf: (error: unknown) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        if (this.#waits.delete(fail)) reject(failureOf(error));
      };
      this.#waits.add(fail);
      work.then((value) => {
        this.#waits.delete(fail);
        resolve(value);
      }, fail);
      // What has settled already comes first all the same.
      if (this.#isOver) queueMicrotask(() => fail(new DeadlineOverError('an adapter')));
    });
  }

  /**
   * Stops the clock. To be called once the request is done.
   *
   * @param trace is told of the first call that failed
   */
  end(trace?: InviteTrace): void {
    if (trace !== undefined && this.failedCall !== undefined) trace.failedCall ??= this.failedCall;
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
