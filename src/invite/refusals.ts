import { isMatrixError, isStorageUnavailable, MatrixError } from '../errors.ts';
import type { InviteRefusalReason } from '../rooms/invite-rule.ts';
import { DeadlineOverError } from './deadline.ts';
import { refusal } from './refusal.ts';

/** Told to callers whose request failed for a passing reason of ours, in milliseconds. */
const RETRY_AFTER_OUTAGE_MS = 1_000;

const NO_PERMISSION = 'You do not have permission to invite users to this room';

/** What the caller is answered for each refusal by the room's own rules. */
const ROOM_REFUSALS: Record<InviteRefusalReason, readonly [status: number, errcode: string, text: string]> = {
  // One answer for both, so that nobody can find out which rooms exist.
  roomUnknownOrInviterNotJoined: [403, 'M_FORBIDDEN', 'You are not in this room'],
  roomVersionUnknown: [400, 'M_UNSUPPORTED_ROOM_VERSION', "This server does not support this room's version"],
  unfederatable: [403, 'M_FORBIDDEN', 'This room is for users of the server that created it'],
  inviteeBanned: [403, 'M_FORBIDDEN', 'The user is banned from the room'],
  inviteeJoined: [403, 'M_FORBIDDEN', 'The user is already in the room'],
  insufficientPower: [403, 'M_FORBIDDEN', NO_PERMISSION],
  powerLevelUnreadable: [403, 'M_FORBIDDEN', NO_PERMISSION],
};

/** The field of Synapse's unstable form of MSC3848, and its values; the proposal has none for a ban. */
const REASON_FIELD = 'org.matrix.msc3848.unstable.errcode';
const REASON_CODES: Partial<Record<InviteRefusalReason, string>> = {
  roomUnknownOrInviterNotJoined: 'ORG.MATRIX.MSC3848.NOT_JOINED',
  inviteeJoined: 'ORG.MATRIX.MSC3848.ALREADY_JOINED',
  insufficientPower: 'ORG.MATRIX.MSC3848.INSUFFICIENT_POWER',
  powerLevelUnreadable: 'ORG.MATRIX.MSC3848.INSUFFICIENT_POWER',
  inviteeBanned: 'EXPRESS_MATRIX_INVITE.BANNED',
};

/** @param hasCode whether the answer tells programs which rule it was; its text tells people in any case */
export function refusedByRoom(reason: InviteRefusalReason, hasCode: boolean): MatrixError {
  const code = hasCode ? REASON_CODES[reason] : undefined;
  return refusal(...ROOM_REFUSALS[reason], code === undefined ? {} : { fields: { [REASON_FIELD]: code } });
}

export function inviteeOfAnotherServer(): MatrixError {
  return refusal(403, 'M_FORBIDDEN', 'Users of other servers cannot be invited from here');
}

export function inviteeUnknown(): MatrixError {
  return refusal(403, 'M_FORBIDDEN', 'There is no such user on this server');
}

export function inviteBlocked(): MatrixError {
  return refusal(403, 'M_INVITE_BLOCKED', 'The user does not accept invites');
}

/** Which scope it was is not said: the `invitee` scope would tell of other people's invites. */
export function rateLimited(retryAfterMs: number): MatrixError {
  const wait = Number.isFinite(retryAfterMs) ? Math.max(1, Math.ceil(retryAfterMs)) : RETRY_AFTER_OUTAGE_MS;
  return refusal(429, 'M_LIMIT_EXCEEDED', 'Too many requests', {
    fields: { retry_after_ms: wait },
    retryAfterMs: wait,
  });
}

export function eventTooLarge(): MatrixError {
  return refusal(413, 'M_TOO_LARGE', 'The invite is too large for an event');
}

/** Something we depend on is down, hung or overrun: the same request may work soon. */
export function unavailable(cause?: unknown): MatrixError {
  return new MatrixError(503, 'M_UNKNOWN', 'The server cannot do this right now', {
    retryAfterMs: RETRY_AFTER_OUTAGE_MS,
    cause,
  });
}

/** What the caller is answered for anything thrown: a refusal stays, an outage passes, the rest is a fault. */
export function failureOf(error: unknown): MatrixError {
  if (isMatrixError(error)) return error;
  if (isStorageUnavailable(error) || error instanceof DeadlineOverError) return unavailable(error);
  return new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause: error });
}
