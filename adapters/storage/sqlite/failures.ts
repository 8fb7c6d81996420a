import { isStorageUnavailable, StorageUnavailableError } from '../../../src/errors.ts';

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
  // A content that cannot be read.
  if (isStorageUnavailable(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new StorageUnavailableError(`SQLite: ${message}${hintFor(message)}`, { cause, isNotStored });
}

function hintFor(message: string): string {
  if (message.includes('no such table')) {
    return ': call migrate() before the first use, or run the statements of sqliteSchema()';
  }
  return message.includes('no such function: octet_length') ? ': SQLite 3.43 or later is needed' : '';
}
