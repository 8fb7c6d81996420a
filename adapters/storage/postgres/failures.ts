import { isStorageUnavailable, StorageUnavailableError } from '../../../src/errors.ts';

/** Tables, columns or functions that are not there. */
const SCHEMA_MISSING: ReadonlySet<unknown> = new Set(['42P01', '42703', '42883', '3F000']);

/** The server refuses to write: an answer, although the connection is given up after it. */
const READ_ONLY = '25006';

/** A change by somebody else came first: what was read is out of date. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/**
 * The failure that callers see, with the driver's own as its cause.
 *
 * @param wasSent whether a statement may have reached the server (default true)
 */
export function unavailable(error: unknown, wasSent = true): StorageUnavailableError {
  if (isStorageUnavailable(error)) return error;
  const message = SCHEMA_MISSING.has(sqlStateOf(error))
    ? 'The tables are missing or of another version: call migrate() first'
    : 'PostgreSQL failed, or cannot be reached';
  // An answer of the server ends a statement without effect; when the connection is lost, nobody knows.
  const isAnswer = !isConnectionLost(error) || sqlStateOf(error) === READ_ONLY;
  return new StorageUnavailableError(message, { cause: error, isNotStored: isAnswer || !wasSent });
}

/**
 * Whether a failure says that somebody else's change came first and nothing was stored. It happens where the
 * database's default isolation is stricter than READ COMMITTED.
 */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlStateOf(error));
}

/** Whether a failure says that a lock was not to be had in time: nothing was stored. */
export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(error) === '55P03';
}

/**
 * Whether a failure of a statement is about what one event holds, such as a constraint or a trigger of the host:
 * classes 22, 23, 54 and P0.
 */
export function isOfOneEvent(error: unknown): boolean {
  const code = sqlStateOf(error);
  return typeof code === 'string' && /^(22|23|54|P0)/.test(code);
}

/**
 * Whether the connection is of no more use. An answer of the server leaves it as it was, unless it says that the
 * connection is over (classes 08 and 57P) or that nothing can be written: after a failover the old primary answers
 * so, and a new connection may lead to the new one. Codes of Node's own (`EPIPE`) look like an SQLSTATE, but for
 * their first letter.
 */
export function isConnectionLost(error: unknown): boolean {
  const code = sqlStateOf(error);
  return typeof code !== 'string' || !/^(?!E|08|57P|25006)[0-9A-Z]{5}$/.test(code);
}

function sqlStateOf(error: unknown): unknown {
  return error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
}
