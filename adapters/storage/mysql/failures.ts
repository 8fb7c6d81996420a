import { isStorageUnavailable, type MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { isError } from '../../../src/internal/thrown.ts';
import { rejectedEvent } from '../shared/rejected.ts';

/*
 * Errors are told apart by the server's error number and SQLSTATE. mysql2's names are those of MySQL: it names MariaDB's
 * 4025, a violated CHECK, ER_INNODB_AUTOEXTEND_SIZE_OUT_OF_RANGE.
 */

const DUPLICATE_KEY = 1062;
const DEADLOCK = 1213;
const DATA_TOO_LONG = 1406;
const MISSING_TABLE = 1146;
const MISSING_COLUMN = 1054;
const FAILED_COMMIT = 1180;

/** A CHECK (MariaDB, MySQL), a view's WITH CHECK OPTION, the foreign keys of a row that is missing or in use. */
const REFUSING_CONSTRAINTS: ReadonlySet<unknown> = new Set([4025, 3819, 1369, 1216, 1217, 1451, 1452]);

/** A column without a default, and a value of the wrong type (MySQL): both have the SQLSTATE of any error. */
const UNSTORABLE: ReadonlySet<unknown> = new Set([1364, 1366]);

/** SQLSTATEs of data that does not fit, of constraints and of views. */
const ABOUT_DATA = /^(?:22|23|44)/;

/**
 * `SIGNAL` in a trigger of the host app. It may set the SQLSTATE and the error number: by convention, the class of the
 * SQLSTATE is 45.
 */
const SIGNALED = 1644;
const SIGNALED_STATE = /^45/;

/**
 * Returns the error that callers get, with the driver's error as its cause.
 *
 * @param mayBeStored true if a change was sent whose outcome is unknown
 */
export function mysqlFailure(error: unknown, mayBeStored = false): StorageUnavailableError {
  if (isStorageUnavailable(error)) return error;
  const { errno } = fieldsOf(error);
  const message =
    errno === MISSING_TABLE || errno === MISSING_COLUMN
      ? 'The tables are missing or belong to another version: call migrate() first'
      : 'MySQL failed or cannot be reached';
  return new StorageUnavailableError(message, { cause: error, isNotStored: !mayBeStored });
}

/** A statement ran, or would have run, inside a transaction that the host app has left open. */
export class InTransactionError extends Error {
  constructor() {
    super('The host app gave a connection back to the pool inside a transaction, or with autocommit off');
    this.name = 'InTransactionError';
  }
}

/** Other changes of a room came first, again and again. */
export class RoomBusyError extends Error {
  /** Those of a deadlock, which is the server's own error for a change that has to be repeated. */
  readonly errno = DEADLOCK;
  readonly sqlState = '40001';

  constructor(cause: unknown) {
    super('Other processes changed the room each time', { cause });
    this.name = 'RoomBusyError';
  }
}

/** An ID is longer than its column. Without the strict mode of the server, it would be cut without an error. */
export class IdTooLongError extends Error {
  /** Those of the server's own error. */
  readonly errno = DATA_TOO_LONG;
  readonly code = 'ER_DATA_TOO_LONG';
  readonly sqlState = '22001';

  constructor(column: string) {
    super(`Data too long for column '${column}'`);
    this.name = 'IdTooLongError';
  }
}

/** Returns true for an error that the server has responded with. The statement had no effect, unless it was a commit. */
export function isResponse(error: unknown): boolean {
  const { sqlState, fatal } = fieldsOf(error);
  return typeof sqlState === 'string' && fatal !== true;
}

/** Returns true if the server cannot tell whether a change was committed. */
export function isUncertain(error: unknown): boolean {
  return !isResponse(error) || fieldsOf(error).errno === FAILED_COMMIT;
}

/** Returns true if another transaction's change came first, or may have. Nothing was stored. */
export function isConflict(error: unknown): boolean {
  return isDuplicate(error) || isDeadlock(error);
}

/** Returns true if the server has rolled a transaction back, so that another one can go on. */
export function isDeadlock(error: unknown): boolean {
  return fieldsOf(error).errno === DEADLOCK;
}

/** Returns true if a row with the same unique key exists. */
export function isDuplicate(error: unknown): boolean {
  return fieldsOf(error).errno === DUPLICATE_KEY;
}

/** Returns true if no response arrived in time. */
export function isTimeout(error: unknown): boolean {
  return fieldsOf(error).code === 'PROTOCOL_SEQUENCE_TIMEOUT';
}

/** Returns true if a statement failed because of the data of one event, so that a retry cannot succeed. */
export function isAboutOneEvent(error: unknown): boolean {
  const { errno, sqlState } = fieldsOf(error);
  if (typeof sqlState !== 'string') return false;
  return ABOUT_DATA.test(sqlState) || UNSTORABLE.has(errno) || isRefusal(error);
}

/** Returns the response to an event that the database rejects, or undefined for other failures. */
export function refusalBehind(failure: unknown): MatrixError | undefined {
  const cause = failure instanceof Error ? failure.cause : undefined;
  if (!isAboutOneEvent(cause)) return undefined;
  return rejectedEvent(isRefusal(cause), cause);
}

/** Returns true if a constraint, a view or a trigger of the host app refuses the event. */
function isRefusal(error: unknown): boolean {
  const { errno, sqlState } = fieldsOf(error);
  return REFUSING_CONSTRAINTS.has(errno) || errno === SIGNALED || SIGNALED_STATE.test(String(sqlState));
}

type Fields = {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly sqlState?: unknown;
  readonly fatal?: unknown;
};

function fieldsOf(error: unknown): Fields {
  return isError(error) ? (error as Fields) : {};
}
