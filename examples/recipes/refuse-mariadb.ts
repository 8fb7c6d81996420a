import { MatrixError } from 'express-matrix-invite';

/** A CHECK in MariaDB and in MySQL, a view's CHECK OPTION, foreign keys, and SIGNAL in a trigger. */
const REFUSING: ReadonlySet<unknown> = new Set([4025, 3819, 1369, 1216, 1217, 1451, 1452, 1644]);

/** A column without a default, and a value of the wrong type: their SQLSTATE is that of any error. */
const UNSTORABLE: ReadonlySet<unknown> = new Set([1364, 1366]);

/** For `insert`: `await tx.execute(…).catch(refuse)`. */
export function refuse(error: Error & { errno?: number; sqlState?: string }): never {
  const { errno, sqlState = '' } = error;
  const options = { cause: error };
  if (REFUSING.has(errno) || /^45/.test(sqlState)) {
    throw new MatrixError(403, 'M_FORBIDDEN', 'The invite is refused', options);
  }
  // Another constraint, or data that no column takes: a mistake in your tables.
  if (UNSTORABLE.has(errno) || /^2[23]/.test(sqlState)) {
    throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', options);
  }
  throw error;
}
