import type { MysqlConnection, MysqlQuery } from './connection.ts';
import { InTransactionError, isResponse, isUncertain } from './failures.ts';

/** A row: the value of each column as the server sends it. */
export type Row = readonly (Buffer | null)[];

/** The bits of the server status that say whether a statement is its own transaction. */
const IN_TRANSACTION = 1;
const AUTOCOMMIT = 2;

/**
 * Applies to the next transaction, which is the next statement. The server refuses it inside a transaction that the host
 * app has left open, in which a read would see an old state and a change would not be committed. It also keeps a
 * connection of which the default is READ UNCOMMITTED from reading what may be rolled back.
 */
const ALONE = 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED';

/** The statements of one piece of work on one connection. */
export class Session {
  readonly #connection: MysqlConnection;
  readonly #timeoutMs: number | undefined;
  #mayHaveStored = false;

  constructor(connection: MysqlConnection, timeoutMs: number | undefined) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  /** True after a change whose outcome is unknown. */
  get mayHaveStored(): boolean {
    return this.#mayHaveStored;
  }

  /** Reads rows in one consistent read of what is committed. */
  async select(sql: string, values: unknown[]): Promise<readonly Row[]> {
    // mysql2 sends the second statement as soon as the response to the first one arrives.
    const [alone, rows] = await Promise.allSettled([this.#alone(), this.#query(sql, values)]);
    for (const outcome of [alone, rows]) if (outcome.status === 'rejected') throw outcome.reason;
    return (rows as PromiseFulfilledResult<unknown>).value as Row[];
  }

  /**
   * Sends a change that is a transaction of its own.
   *
   * @throws {InTransactionError} (rejects) if it ran inside a transaction of the host app: then nothing is stored yet,
   *   and nothing must be, so the connection has to be closed
   */
  async change(sql: string, values: unknown[]): Promise<void> {
    const result = await this.#committing(sql, values);
    if ((statusOf(result) & IN_TRANSACTION) !== 0) throw new InTransactionError();
  }

  /** Runs changes in a transaction. */
  async transaction(work: () => Promise<void>): Promise<void> {
    await this.#alone();
    // It would commit a transaction of the host app.
    await this.#query('START TRANSACTION');
    try {
      await work();
    } catch (error) {
      // The first error is the one to report. The connection may be gone.
      if (isResponse(error)) await this.#query('ROLLBACK').catch(() => {});
      throw error;
    }
    await this.#committing('COMMIT');
  }

  /** Sends a statement that only a transaction may contain, or that stores nothing. */
  async run(sql: string, values: unknown[] = []): Promise<void> {
    await this.#query(sql, values);
  }

  async #committing(sql: string, values: unknown[] = []): Promise<unknown> {
    this.#mayHaveStored = true;
    try {
      const result = await this.#query(sql, values);
      this.#mayHaveStored = false;
      return result;
    } catch (error) {
      this.#mayHaveStored = isUncertain(error);
      throw error;
    }
  }

  async #alone(): Promise<void> {
    const result = await this.#query(ALONE);
    if ((statusOf(result) & AUTOCOMMIT) === 0) throw new InTransactionError();
  }

  async #query(sql: string, values: unknown[] = []): Promise<unknown> {
    const [result] = await this.#connection.query({ ...AS_BUFFERS, sql, values, timeout: this.#timeoutMs });
    return result;
  }
}

/** Whatever the options of the host app's pool. */
const AS_BUFFERS: Pick<MysqlQuery, 'rowsAsArray' | 'nestTables' | 'typeCast'> = {
  rowsAsArray: true,
  nestTables: false,
  typeCast: (field) => field.buffer(),
};

function statusOf(result: unknown): number {
  return (result as { readonly serverStatus: number }).serverStatus;
}
