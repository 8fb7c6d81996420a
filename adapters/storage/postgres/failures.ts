import { isStorageUnavailable, StorageUnavailableError } from '../../../src/errors.ts';

/** SQLSTATEs of missing tables, columns, functions and schemas. */
const SCHEMA_MISSING: ReadonlySet<unknown> = new Set(['42P01', '42703', '42883', '3F000']);

/** SQLSTATE of a server that refuses to write. It is a response, although the connection is closed after it. */
const READ_ONLY = '25006';

/** SQLSTATEs of a serialization failure and a deadlock: another transaction's change came first. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/** SQLSTATE of a lock that was not available in time. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Returns the error that callers get, with the driver's error as its cause.
 *
 * @param wasSent true if a statement may have reached the server (default true)
 */
export function postgresFailure(error: unknown, wasSent = true): StorageUnavailableError {
  if (isStorageUnavailable(error)) return error;
  const message = SCHEMA_MISSING.has(sqlStateOf(error))
    ? 'The tables are missing or belong to another version: call migrate() first'
    : 'PostgreSQL failed or cannot be reached';
  // An error response means that the statement had no effect. If the connection is lost, its outcome is unknown.
  const hasResponded = !isConnectionLost(error) || sqlStateOf(error) === READ_ONLY;
  return new StorageUnavailableError(message, { cause: error, isNotStored: hasResponded || !wasSent });
}

/**
 * Returns true if another transaction's change came first and nothing was stored. This happens if the default isolation
 * level of the database is stricter than READ COMMITTED.
 */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlStateOf(error));
}

/** Returns true if a lock was not available in time. Nothing was stored. */
export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(error) === LOCK_NOT_AVAILABLE;
}

/**
 * Returns true if a statement failed because of the data of one event, such as a constraint or a trigger of the host
 * app: classes 22, 23, 54 and P0.
 */
export function isAboutOneEvent(error: unknown): boolean {
  const code = sqlStateOf(error);
  return typeof code === 'string' && /^(22|23|54|P0)/.test(code);
}

/**
 * Returns true if the connection is no longer usable. An error response leaves it usable, unless it says that the
 * connection is over (classes 08 and 57P) or that the server refuses to write (25006): after a failover the old primary
 * responds with that, and a new connection may lead to the new primary. Node's own codes (`EPIPE`) look like an
 * SQLSTATE, except for their first letter.
 */
export function isConnectionLost(error: unknown): boolean {
  const code = sqlStateOf(error);
  return typeof code !== 'string' || !/^(?!E|08|57P|25006)[0-9A-Z]{5}$/.test(code);
}

function sqlStateOf(error: unknown): unknown {
  return error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
}
