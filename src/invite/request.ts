import { MatrixError } from '../errors.ts';
import { handleRejection } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import { isRoomId, isUserId, isUserOf } from '../rooms/identifiers.ts';
import { type Refused, refused } from './decision.ts';
import { internalError } from './refusals.ts';

/** An invite to check in a dry run. */
export type InviteCheckRequest<R extends Requester = Requester> = PolicyRequest<R> & {
  /** Ends the wait early, as the deadline does. */
  readonly signal?: AbortSignal | undefined;
};

/** An invite to send. */
export type InviteRequest<R extends Requester = Requester> = PolicyRequest<R> & {
  /** Ends the wait early, as the deadline does. It does not undo an append that has started. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether to send a pending invite again, as another event, so that clients notify the invitee again. It consumes the
   * same rate limits as a new invite. Default false, as for every request over HTTP.
   */
  readonly resend?: boolean | undefined;
};

/** Returns the refusal of a requester who may not invite at all. */
export function refuseRequester(
  { userId, isGuest, isSuspended, isRateLimitExempt }: Requester,
  serverNames: ReadonlySet<string>,
): Refused | undefined {
  handleRejection(isGuest);
  handleRejection(isSuspended);
  handleRejection(isRateLimitExempt);
  const refuse = (errcode: string, message: string) =>
    refused({ by: 'requester' }, new MatrixError(403, errcode, message));
  if (!isUserOf(serverNames, userId)) return refuse('M_FORBIDDEN', 'You are not a user of this server');
  if (isGuest) return refuse('M_GUEST_ACCESS_FORBIDDEN', 'Guests cannot invite users');
  if (isSuspended) {
    return refuse('M_USER_SUSPENDED', 'Your account is suspended and cannot invite users');
  }
  return undefined;
}

/**
 * Checks a requester that a caller in code passes: nothing has authenticated it.
 *
 * @throws {MatrixError} 500 for an invalid requester
 */
export function checkRequester({ userId }: Requester): void {
  if (typeof userId === 'string' && isUserId(userId)) return;
  throw internalError(new TypeError("The requester's userId must be a full Matrix user ID"));
}

/**
 * Checks an invite that a caller in code passes: it has not been validated against the schema.
 *
 * @throws {MatrixError} 400
 */
export function checkInvite({ roomId, userId, reason }: PolicyRequest): void {
  checkRoomId({ roomId });
  if (typeof userId !== 'string' || !isUserId(userId)) {
    throw new MatrixError(400, 'M_INVALID_PARAM', 'userId is not a Matrix user ID');
  }
  if (reason !== undefined && !(typeof reason === 'string' && reason.isWellFormed())) {
    throw new MatrixError(400, 'M_BAD_JSON', 'reason must be a well-formed string');
  }
}

/** @throws {MatrixError} 400 */
export function checkRoomId({ roomId }: { readonly roomId: string }): void {
  if (typeof roomId === 'string' && isRoomId(roomId)) return;
  throw new MatrixError(400, 'M_INVALID_PARAM', 'roomId is not a Matrix room ID');
}
