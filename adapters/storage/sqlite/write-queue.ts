import { setImmediate as nextTurn } from 'node:timers/promises';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { isAborted } from '../../../src/internal/call-context.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { abortedError, throwIfAborted } from '../shared/aborted.ts';
import { type SqliteConnection, waitForLock } from './connection.ts';
import { isBusy, sqliteFailure } from './failures.ts';

/** The maximum number of writes in a transaction. Limits how long it blocks the event loop. */
const MAX_BATCH = 64;

type Write = {
  readonly context: CallContext;
  /** Runs the write. Returns a function that resolves the caller's promise, to be called after the commit. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Runs writes in the order in which they were queued. Writes that wait together share a transaction, because flushing
 * it to disk costs far more than the writes themselves.
 */
export class WriteQueue {
  readonly #connection: SqliteConnection;
  #waiting: Write[] = [];
  #isRunning: boolean = false;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /**
   * Runs `work` in a transaction. Resolves to its result after the commit.
   *
   * @param context ends the wait for the lock; a write that has started is not interrupted
   * @throws {StorageUnavailableError} (rejects) if nothing was stored, or the commit failed
   */
  write<T>(work: () => T, context: CallContext): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      throwIfAborted(context);
      const run = () => {
        const result = work();
        return () => resolve(result);
      };
      this.#waiting.push({ context, run, reject });
      if (!this.#isRunning) void this.#runAll();
    });
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      await nextTurn();
      this.#rejectAborted();
      const writes = this.#waiting.slice(0, MAX_BATCH);
      if (writes.length > 0 && !this.#commit(writes)) await waitForLock();
    }
    this.#isRunning = false;
  }

  #rejectAborted(): void {
    for (const { context, reject } of this.#waiting) {
      if (isAborted(context)) reject(abortedError(context));
    }
    this.#waiting = this.#waiting.filter(({ context }) => !isAborted(context));
  }

  /** Returns false if the database is locked: the writes stay in the queue. */
  #commit(writes: readonly Write[]): boolean {
    try {
      for (const resolve of this.#runTogether(writes)) resolve();
    } catch (error) {
      if (isBusy(error)) return false;
      for (const { reject } of writes) reject(error);
    }
    this.#waiting.splice(0, writes.length);
    return true;
  }

  /**
   * Tries without savepoints first: they cost 4 % of a read and an append, and writes rarely fail. A commit that failed
   * is not repeated: it may have stored the writes.
   */
  #runTogether(writes: readonly Write[]): (() => void)[] {
    try {
      return this.#connection.transaction(() => writes.map(({ run }) => run()));
    } catch (error) {
      const isUndone = isStorageUnavailable(error) && error.isNotStored;
      if (!isUndone || writes.length === 1) throw error;
      return this.#connection.transaction(() => writes.map((write) => this.#runOne(write)));
    }
  }

  /** Runs a write in a savepoint: if it fails, the other writes of its transaction are stored. */
  #runOne({ run, reject }: Write): () => void {
    return this.#connection.savepoint(run, (error) => () => reject(sqliteFailure(error, true)));
  }
}
