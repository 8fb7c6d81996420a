import { MatrixError } from '../../../src/errors.ts';
import { isUserId } from '../../../src/rooms/identifiers.ts';

/**
 * Checks what a host app's function `userId` returned for the claims of a token.
 *
 * @param adapter the name of the adapter, for the log
 * @returns the user ID, or undefined if the claims name no user of this server
 * @throws {MatrixError} 500 for anything else: a bug in the host app, which a retry does not fix
 */
export function checkedUserId(adapter: string, userId: unknown): string | undefined {
  if (userId === undefined || userId === null) return undefined;
  if (typeof userId === 'string' && isUserId(userId)) return userId;
  // The message must not quote the value: it comes from the token.
  const cause = new TypeError(`${adapter}: option "userId" must return a full Matrix user ID, or undefined`);
  throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}
