import { MatrixError } from 'express-matrix-invite';

/** A foreign key, a CHECK, an exclusion constraint, a view's CHECK OPTION, and RAISE EXCEPTION in a trigger. */
const REFUSING: ReadonlySet<unknown> = new Set(['23503', '23514', '23P01', '44000', 'P0001']);

/** For `insert`: `await tx.query(…).catch(refuse)`. For deferred constraints, also around the COMMIT in `transact`. */
export function refuse(error: Error & { code?: string }): never {
  const { code = '' } = error;
  const options = { cause: error };
  if (REFUSING.has(code)) throw new MatrixError(403, 'M_FORBIDDEN', 'The invite is refused', options);
  // Another constraint, or data that no column takes: a mistake in your tables.
  if (/^2[23]/.test(code)) throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', options);
  throw error;
}
