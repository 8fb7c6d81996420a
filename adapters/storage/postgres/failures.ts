import { isStorageUnavailable, type MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { isError, readable } from '../../../src/internal/thrown.ts';
import { rejectedEvent } from '../shared/rejected.ts';

/** SQLSTATEs of missing tables, columns, functions and schemas. */
const SCHEMA_MISSING: ReadonlySet<unknown> = new Set(['42P01', '42703', '42883', '3F000']);

/** SQLSTATE of a server that refuses to write. It is a response, although the connection is closed after it. */
const READ_ONLY = '25006';

/**
 * SQLSTATEs of a connection that the host app has left in a state in which no statement of ours can succeed: inside a
 * transaction that has failed, without the prepared statements that pg believes to be there (after `DISCARD ALL` or
 * `DEALLOCATE ALL`), or with another `client_encoding` (`check_encoding` in schema.ts).
 */
const CONNECTION_STATES: ReadonlySet<unknown> = new Set(['25P02', '26000', 'MXENC']);

/**
 * Settings that can make a statement fail with an SQLSTATE, if the host app has changed them on the connection. `role`
 * stands for `SET SESSION AUTHORIZATION` too: `pg_settings` shows neither.
 */
const SETTINGS_BEHIND: Readonly<Record<string, readonly string[]>> = {
  '25006': ['default_transaction_read_only'],
  '3F000': ['search_path'],
  '42501': ['role', 'row_security'],
  '42703': ['search_path'],
  '42883': ['search_path'],
  '42P01': ['search_path'],
  '55P03': ['lock_timeout'],
  '57014': ['statement_timeout'],
};

/**
 * What PgBouncer responds, as 08P01, to a statement that it has not sent to a server. `query timeout`, without the
 * underscore, is not one of them: that statement was running.
 */
const NOT_SENT_BY_PGBOUNCER =
  /^(?:query_wait_timeout|query_timeout|client_idle_timeout|client_login_timeout.*|server shutting down|pgbouncer cannot connect to server|server login failed: .*|.*\(server_login_retry\))$/;

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
  const isNotStored = hasResponded || !wasSent || isNotSent(error);
  return new StorageUnavailableError(message, { cause: error, isNotStored });
}

/** A statement ran, or would have run, inside a transaction that the host app has left open. */
export class InTransactionError extends Error {
  /**
   * The SQLSTATE of an active transaction: callers treat it like PostgreSQL's own error response. Closing the
   * connection rolls the transaction back, so nothing is stored.
   */
  readonly code = '25001';

  constructor() {
    super('The host app gave a connection back to the pool inside a transaction');
    this.name = 'InTransactionError';
  }
}

/** Returns true if no statement can succeed on the connection. The one that failed had no effect. */
export function isConnectionState(error: unknown): boolean {
  const { code, routine } = fieldsOf(error);
  // "cached plan must not change result type", in whichever language.
  return CONNECTION_STATES.has(code) || (code === '0A000' && routine === 'RevalidateCachedQuery');
}

/** Returns the settings that may have caused the error, if any can. */
export function settingsBehind(error: unknown): readonly string[] | undefined {
  const { code } = fieldsOf(error);
  return typeof code === 'string' ? SETTINGS_BEHIND[code] : undefined;
}

/** Returns true if PgBouncer has not sent the statement to a server, or the server had closed the idle connection. */
function isNotSent(error: unknown): boolean {
  const { code, message } = fieldsOf(error);
  return code === '57P05' || (code === '08P01' && NOT_SENT_BY_PGBOUNCER.test(String(message)));
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
 * SQLSTATEs of failures that a retry may avoid, or that an operator can resolve: connections, transactions, prepared statements,
 * logins, missing tables and privileges, resources, locks, shutdowns, the system, the configuration, foreign data and
 * internal errors. All others are about the event, such as those of a constraint or a trigger of the host app.
 */
const OUTAGES = /^(?:0[38AB]|2[4568BD]|3[BDF]|4[02]|5[3578]|72|F0|HV|XX|MXENC)/;

/**
 * SQLSTATEs with which a host app's own constraint, view or trigger refuses an event. User-defined ones start with 45,
 * 6 to 9 or I to Z, except P and X.
 */
const REFUSALS = /^(?:23503|23514|23P01|44|45|P0001|[6-9I-OQ-Z])/;

/** Returns true if a statement failed because of the data of one event, so that a retry cannot succeed. */
export function isAboutOneEvent(error: unknown): boolean {
  const { code } = fieldsOf(error);
  if (typeof code !== 'string' || isConnectionLost(error)) return false;
  return !OUTAGES.test(code) || isRowLevelSecurity(error);
}

/** Returns the response to an event that the database rejects, or undefined for other failures. */
export function refusalBehind(failure: unknown): MatrixError | undefined {
  const cause = failure instanceof Error ? failure.cause : undefined;
  if (!isAboutOneEvent(cause)) return undefined;
  return rejectedEvent(REFUSALS.test(String(sqlStateOf(cause))) || isRowLevelSecurity(cause), cause);
}

/** Returns true for a policy's WITH CHECK. It has the SQLSTATE of a missing privilege. */
function isRowLevelSecurity(error: unknown): boolean {
  const { code, routine } = fieldsOf(error);
  return code === '42501' && routine === 'ExecWithCheckOptions';
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

export function sqlStateOf(error: unknown): unknown {
  return fieldsOf(error).code;
}

function fieldsOf(error: unknown): {
  readonly code?: unknown;
  readonly routine?: unknown;
  readonly message?: unknown;
} {
  const known = readable(error);
  return isError(known) ? known : {};
}
