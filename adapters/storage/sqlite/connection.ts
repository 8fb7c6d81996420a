import { setTimeout as delay } from 'node:timers/promises';
import { hasMethods } from '../../../src/internal/options.ts';
import { handleRejection } from '../../../src/internal/unawaited.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { throwIfAborted } from '../shared/aborted.ts';
import { isBusy, sqliteFailure } from './failures.ts';

/**
 * An SQLite connection: the part that `DatabaseSync` of `node:sqlite` (Node 22 and later), `DatabaseSync` of
 * `@photostructure/sqlite`, and `better-sqlite3` have in common.
 */
export type SqliteDatabase = {
  /** Runs statements that return no rows. */
  exec(sql: string): unknown;
  /** Prepares a statement. Throws if the SQL is invalid. */
  prepare(sql: string): SqliteStatement;
};

/** A prepared statement of an {@link SqliteDatabase}. */
export type SqliteStatement = {
  /** Returns the first row, or `undefined`. */
  get(...parameters: (string | number)[]): unknown;
  /** Returns every row. */
  all(...parameters: (string | number)[]): unknown[];
  /** Runs a statement that returns no rows. Returns the ID of the row that it inserted last. */
  run(...parameters: (string | number)[]): { lastInsertRowid: number | bigint };
};

const MAX_LOCK_DELAY_MS = 20;

/** The host app's connection, with the settings that storage needs and the statements prepared on it. */
export class SqliteConnection {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();
  #isSetUp: boolean = false;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Returns the prepared statement of some SQL. Prepares the same SQL once. */
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

  /** Runs a read, and repeats it while the database is locked and the deadline has not passed. */
  async read<T>(work: () => T, context: CallContext): Promise<T> {
    for (;;) {
      throwIfAborted(context);
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
   * Runs writes in one transaction: all of them are stored when it returns, none when it throws. `BEGIN IMMEDIATE` takes
   * the write lock at once, so that what the work reads stays true until the commit.
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
      // If BEGIN failed, an open transaction is the host app's.
      if (step !== 'before') this.#rollBack();
      throw isBusy(error) ? error : sqliteFailure(error, step !== 'commit');
    }
  }

  /**
   * Runs a part of a transaction. If it throws, only that part is undone, and `onFailure` returns the result. Throws if
   * that is not possible: another connection holds a lock, or SQLite has rolled everything back.
   */
  savepoint<T>(work: () => T, onFailure: (error: unknown) => T): T {
    this.exec('SAVEPOINT one_write');
    try {
      const result = work();
      this.exec('RELEASE one_write');
      return result;
    } catch (error) {
      if (isBusy(error) || !this.#rollBackToSavepoint()) throw error;
      return onFailure(error);
    }
  }

  /**
   * Runs before the first use. In WAL mode only FULL makes each commit survive a power cut (better-sqlite3 is built with
   * NORMAL), and with a busy timeout the driver would block the event loop.
   */
  #setUp(): void {
    if (this.#isSetUp) return;
    checkRows(this.#database);
    this.exec('PRAGMA busy_timeout = 0');
    this.exec('PRAGMA journal_mode = WAL');
    this.exec('PRAGMA synchronous = FULL');
    this.#isSetUp = true;
  }

  #rollBackToSavepoint(): boolean {
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
      // After some failures, such as a full disk, SQLite has already rolled back.
    }
  }
}

/** @throws {TypeError} if the driver is asynchronous, as sqlite3 is, or returns rows as lists */
function checkRows(database: SqliteDatabase): void {
  const statement: unknown = database.prepare('SELECT 1 AS one');
  const row: unknown = hasMethods(statement, 'get') ? (statement as SqliteStatement).get() : statement;
  // A driver may return integers as BigInt.
  if (typeof row === 'object' && row !== null && 'one' in row && Number(row.one) === 1) return;
  handleRejection(row);
  throw new TypeError('SqliteStorage: the connection must return each row at once, as an object');
}

/** Waits for a random time, so that processes that want the same lock try at different times. */
export async function waitForLock(): Promise<void> {
  await delay(1 + Math.random() * MAX_LOCK_DELAY_MS);
}
