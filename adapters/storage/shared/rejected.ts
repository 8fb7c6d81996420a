import { MatrixError } from '../../../src/errors.ts';

/**
 * Returns the response to an event that a database rejects, whatever the number of tries.
 *
 * @param isRefusal true for a constraint, a policy or a trigger of the host app that refuses the event: a 403. False if
 *   that constraint or trigger itself fails, or the event does not fit: a 500.
 */
export function rejectedEvent(isRefusal: boolean, cause: unknown): MatrixError {
  return isRefusal
    ? new MatrixError(403, 'M_FORBIDDEN', 'This server does not allow the invite', { cause })
    : new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}
