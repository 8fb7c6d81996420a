import { setTimeout as delay } from 'node:timers/promises';
import type { CallContext } from '../../../src/ports/context.ts';
import { throwIfLate } from '../shared/deadline.ts';
import type { SqliteDatabase, SqliteStatement } from './database.ts';
import { isBusy, sqliteFailure } from './failures.ts';

const LONGEST_WAIT_MS = 20;

/** A host's connection, set up as we need it, with the statements prepared on it. */
export class Connection {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();
  #isSetUp: boolean = false;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** The prepared statement of a text; the same text is prepared once. */
  statement(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const prepared = this.#database.prepare(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Runs a read, again and again while the database is locked and the deadline lets it. */
  async read<T>(work: () => T, context: CallContext): Promise<T> {
    for (;;) {
      throwIfLate(context);
      try {
        this.#setUp();
        return work();
      } catch (error) {
        if (!isBusy(error)) throw sqliteFailure(error);
      }
      await waitForLock();
    }
  }

  /**
   * Runs writes in one transaction: all of them are stored when it returns, none when it throws.
   * `BEGIN IMMEDIATE` takes the write lock at once, so that what the work reads holds until the commit.
   */
  transaction<T>(work: () => T): T {
    let step: 'before' | 'work' | 'commit' = 'before';
    try {
      this.#setUp();
      this.exec('BEGIN IMMEDIATE');
      step = 'work';
      const result = work();
      step = 'commit';
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // What has not begun here may be a transaction of the host.
      if (step !== 'before') this.#rollBack();
      throw isBusy(error) ? error : sqliteFailure(error, step !== 'commit');
    }
  }

  /**
   * Runs a part of a transaction. When it throws, that part alone is undone, and `onFailure` gives the result;
   * where that is not possible (another connection holds a lock, SQLite has rolled everything back) it throws.
   */
  savepoint<T>(work: () => T, onFailure: (error: unknown) => T): T {
    this.exec('SAVEPOINT one_write');
    try {
      const result = work();
      this.exec('RELEASE one_write');
      return result;
    } catch (error) {
      if (isBusy(error) || !this.#undo()) throw error;
      return onFailure(error);
    }
  }

  /**
   * Before the first use. Only FULL makes each commit in WAL mode outlast a power cut (better-sqlite3 is built
   * with NORMAL), and a busy timeout would have the driver block the event loop.
   */
  #setUp(): void {
    if (this.#isSetUp) return;
    this.exec('PRAGMA busy_timeout = 0');
    this.exec('PRAGMA journal_mode = WAL');
    this.exec('PRAGMA synchronous = FULL');
    this.#isSetUp = true;
  }

  #undo(): boolean {
    try {
      this.exec('ROLLBACK TO one_write');
      this.exec('RELEASE one_write');
      return true;
    } catch {
      return false;
    }
  }

  #rollBack(): void {
    try {
      this.exec('ROLLBACK');
    } catch {
      // After some failures (a full disk, say) SQLite has rolled back by itself.
    }
  }
}

/** Waits a random while, so that processes that want the same lock draw apart. */
export async function waitForLock(): Promise<void> {
  await delay(1 + Math.random() * LONGEST_WAIT_MS);
}
