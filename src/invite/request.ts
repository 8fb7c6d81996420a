import { MatrixError } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import { domainOf, isRoomId, isUserId } from '../rooms/identifiers.ts';

/**
 * Refuses a requester who may not invite at all, for callers that have not been through a login.
 *
 * @throws {MatrixError} 403, or 500 for what is no requester
 */
export function checkRequester(requester: Requester, serverNames: ReadonlySet<string>): void {
  if (typeof requester.userId !== 'string' || !isUserId(requester.userId)) {
    throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', {
      cause: new TypeError('The auth adapter gave a requester whose userId is not a full Matrix user ID'),
    });
  }
  checkMayInvite(requester, serverNames);
}

/**
 * Refuses a requester who may not invite at all.
 *
 * @throws {MatrixError} 403
 */
export function checkMayInvite(requester: Requester, serverNames: ReadonlySet<string>): void {
  if (!serverNames.has(domainOf(requester.userId) ?? '')) {
    throw new MatrixError(403, 'M_FORBIDDEN', 'You are not a user of this server');
  }
  if (requester.isGuest) throw new MatrixError(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests cannot invite');
  if (requester.isSuspended) {
    throw new MatrixError(403, 'M_USER_SUSPENDED', 'Your account is suspended: it cannot invite');
  }
}

/**
 * Refuses what cannot be an invite, for callers that do not come over HTTP.
 *
 * @throws {MatrixError} 400
 */
export function checkInvite({ roomId, userId, reason }: PolicyRequest): void {
  if (typeof roomId !== 'string' || !isRoomId(roomId)) {
    throw new MatrixError(400, 'M_INVALID_PARAM', 'roomId is not a Matrix room ID');
  }
  if (typeof userId !== 'string' || !isUserId(userId)) {
    throw new MatrixError(400, 'M_INVALID_PARAM', 'userId is not a Matrix user ID');
  }
  if (reason !== undefined && !(typeof reason === 'string' && reason.isWellFormed())) {
    throw new MatrixError(400, 'M_BAD_JSON', 'reason must be a string of whole characters');
  }
}
