import { setImmediate as nextTurn } from 'node:timers/promises';
import { isStorageUnavailable } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { deadlineOver, isLate } from '../shared/deadline.ts';
import { type Connection, waitForLock } from './connection.ts';
import { isBusy, sqliteFailure } from './failures.ts';

/** Bounds how long one transaction keeps the event loop. */
const MOST_WRITES_A_TRANSACTION = 64;

type Write = {
  readonly context: CallContext;
  /** Does the write, and returns what tells the caller once it is committed. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Runs writes in the order in which they came. Those that wait together share a transaction, because its flush to
 * the disk costs far more than the writes themselves.
 */
export class WriteQueue {
  readonly #connection: Connection;
  #waiting: Write[] = [];
  #isRunning: boolean = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Resolves with what `work` returned, once it is committed.
   *
   * @param context ends the wait for the lock; a write that has started is never torn
   * @throws {StorageUnavailableError} (rejects) when nothing was stored, or the commit failed
   */
  write<T>(work: () => T, context: CallContext): Promise<T> {
    return new Promise<T>((resolve, reject) => {
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
      this.#rejectOverdue();
      const writes = this.#waiting.slice(0, MOST_WRITES_A_TRANSACTION);
      if (writes.length > 0 && !this.#commit(writes)) await waitForLock();
    }
    this.#isRunning = false;
  }

  #rejectOverdue(): void {
    for (const { context, reject } of this.#waiting) {
      if (isLate(context)) reject(deadlineOver(context));
    }
    this.#waiting = this.#waiting.filter(({ context }) => !isLate(context));
  }

  /** Returns false when the database is locked: the writes wait on. */
  #commit(writes: readonly Write[]): boolean {
    try {
      for (const tell of this.#runTogether(writes)) tell();
    } catch (error) {
      if (isBusy(error)) return false;
      for (const { reject } of writes) reject(error);
    }
    this.#waiting.splice(0, writes.length);
    return true;
  }

  /**
   * At first without savepoints: they take 4 % of what a read and an append take, and writes seldom fail. A commit
   * that failed is not tried again: it may have stored them.
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

  /** A write that fails takes no other of its transaction with it. */
  #runOne({ run, reject }: Write): () => void {
    return this.#connection.savepoint(run, (error) => () => reject(sqliteFailure(error, true)));
  }
}
