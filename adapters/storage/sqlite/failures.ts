import { StorageUnavailableError } from '../../../src/errors.ts';

/** SQLite's result code for a lock that another connection holds. Extended codes have it in their low byte. */
const SQLITE_BUSY = 5;

/**
 * Returns true if a driver failed because another connection holds a lock. `node:sqlite` and `@photostructure/sqlite`
 * have a numeric `errcode`, `better-sqlite3` has the name of the code in `code`.
 */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return (errcode & 0xff) === SQLITE_BUSY;
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY');
}

/**
 * Returns the error that callers get for any failure of the driver: a full disk, a closed or read-only database, …
 *
 * @param isNotStored true if it is certain that nothing was stored; false after a commit that failed (default false)
 */
export function sqliteFailure(cause: unknown, isNotStored = false): StorageUnavailableError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const hint = message.includes('no such table')
    ? ': call migrate() before the first use, or run the statements of sqliteSchema()'
    : '';
  return new StorageUnavailableError(`SQLite: ${message}${hint}`, { cause, isNotStored });
}
