import { isStorageUnavailable, type MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { readable } from '../../../src/internal/thrown.ts';
import { rejectedEvent } from '../shared/rejected.ts';

/** SQLite's result code for a lock that another connection holds. Extended codes have it in their low byte. */
const SQLITE_BUSY = 5;

/** Result codes of an event that a retry cannot store: too large, a constraint, a value of another type. */
const ABOUT_THE_EVENT: ReadonlySet<unknown> = new Set([18, 19, 20]);
const ABOUT_THE_EVENT_BY_NAME = /^SQLITE_(?:TOOBIG|CONSTRAINT|MISMATCH)/;

/** Extended result codes of a CHECK constraint, a foreign key, and a trigger that calls RAISE. */
const REFUSALS: ReadonlySet<unknown> = new Set([275, 787, 1811]);
const REFUSALS_BY_NAME = /^SQLITE_CONSTRAINT_(?:CHECK|FOREIGNKEY|TRIGGER)$/;

/** Returns the response to an event that the database rejects, or undefined for other failures. */
export function refusalBehind(failure: unknown): MatrixError | undefined {
  if (!isStorageUnavailable(failure) || !failure.isNotStored) return undefined;
  const { cause } = failure;
  const { code, errcode } = (cause ?? {}) as { code?: unknown; errcode?: unknown };
  const isAboutTheEvent =
    typeof errcode === 'number'
      ? ABOUT_THE_EVENT.has(errcode & 0xff)
      : ABOUT_THE_EVENT_BY_NAME.test(String(code));
  if (!isAboutTheEvent) return undefined;
  return rejectedEvent(REFUSALS.has(errcode) || REFUSALS_BY_NAME.test(String(code)), cause);
}

/**
 * Returns true if a driver failed because another connection holds a lock. `node:sqlite` and `@photostructure/sqlite`
 * have a numeric `errcode`, `better-sqlite3` has the name of the code in `code`.
 */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = (readable(error) ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return (errcode & 0xff) === SQLITE_BUSY;
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY');
}

/**
 * Returns the error that callers get for any failure of the driver: a full disk, a closed or read-only database, …
 *
 * @param isNotStored true if it is certain that nothing was stored; false after a commit that failed (default false)
 */
export function sqliteFailure(thrown: unknown, isNotStored = false): StorageUnavailableError {
  const cause = readable(thrown);
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
