import { isMatrixError, isStorageUnavailable, MatrixError } from '../errors.ts';
import { isFault } from '../internal/fault.ts';
import { readable } from '../internal/thrown.ts';
import type { RateLimitScope } from '../ports/rate-limit.ts';
import type { InviteRefusalReason } from '../rooms/invite-rule.ts';
import { DeadlineOverError } from './deadline.ts';

/** Milliseconds to wait before retrying a request that failed for a temporary reason on our side. */
const RETRY_AFTER_OUTAGE_MS = 1_000;

/**
 * Creates the error of a refusal, without a stack: a refusal is a response like any other, and its log line has no
 * stack. Capturing one through all the awaits would cost 10 to 20 % of a refused request.
 */
export function refusalError(...args: ConstructorParameters<typeof MatrixError>): MatrixError {
  const { stackTraceLimit } = Error;
  // Not by assignment, which throws if the host app has frozen `Error`.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return new MatrixError(...args);
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

/** Adds a stack to a refusal, so that a caller in code can find the call that was refused. */
export function withStack(error: unknown): unknown {
  if (isMatrixError(error) && !error.stack?.includes('\n    at ')) Error.captureStackTrace(error);
  return error;
}

const NO_PERMISSION = 'You do not have permission to invite users to this room';

/** The response for each refusal by the room's own rules. */
const ROOM_REFUSALS: Record<InviteRefusalReason, readonly [status: number, errcode: string, error: string]> =
  {
    // The same response for both, so that nobody can probe for rooms.
    roomUnknownOrInviterNotJoined: [403, 'M_FORBIDDEN', 'You are not in this room'],
    roomVersionUnknown: [
      400,
      'M_UNSUPPORTED_ROOM_VERSION',
      "This server does not support this room's version",
    ],
    unfederatable: [403, 'M_FORBIDDEN', 'This room is only for users of the server that created it'],
    inviteeBanned: [403, 'M_FORBIDDEN', 'The user is banned from the room'],
    inviteeJoined: [403, 'M_FORBIDDEN', 'The user is already in the room'],
    insufficientPower: [403, 'M_FORBIDDEN', NO_PERMISSION],
    powerLevelUnreadable: [403, 'M_FORBIDDEN', NO_PERMISSION],
  };

/** The field of Synapse's unstable form of MSC3848, and its values. The proposal has no value for a ban. */
const REASON_FIELD = 'org.matrix.msc3848.unstable.errcode';
const REASON_CODES: Partial<Record<InviteRefusalReason, string>> = {
  roomUnknownOrInviterNotJoined: 'ORG.MATRIX.MSC3848.NOT_JOINED',
  inviteeJoined: 'ORG.MATRIX.MSC3848.ALREADY_JOINED',
  insufficientPower: 'ORG.MATRIX.MSC3848.INSUFFICIENT_POWER',
  powerLevelUnreadable: 'ORG.MATRIX.MSC3848.INSUFFICIENT_POWER',
  inviteeBanned: 'EXPRESS_MATRIX_INVITE.BANNED',
};

/** @param hasCode whether to add the machine-readable reason next to the message */
export function refusedByRoom(reason: InviteRefusalReason, hasCode: boolean): MatrixError {
  const code = hasCode ? REASON_CODES[reason] : undefined;
  return refusalError(
    ...ROOM_REFUSALS[reason],
    code === undefined ? {} : { fields: { [REASON_FIELD]: code } },
  );
}

export function inviteeOfAnotherServer(): MatrixError {
  return refusalError(403, 'M_FORBIDDEN', 'Users of other servers cannot be invited from here');
}

export function invalidServerName(): MatrixError {
  return refusalError(400, 'M_INVALID_PARAM', "The name of the user's server is not valid");
}

export function inviteeUnknown(): MatrixError {
  return refusalError(403, 'M_FORBIDDEN', 'No such user exists on this server');
}

export function inviteBlocked(): MatrixError {
  return refusalError(403, 'M_INVITE_BLOCKED', 'The user does not accept invites');
}

/**
 * The wait in the response for the scope `invitee`, in milliseconds. The true wait would tell when other people's
 * invites of the invitee began. By default, `inviter` and `room` have waits up to 33 s: a shorter value would only make
 * clients retry more often in vain.
 */
const INVITEE_RETRY_AFTER_MS = 30_000;

/** Returns the wait of a limit in whole milliseconds, at least 1. */
export function waitOf(retryAfterMs: number): number {
  return Number.isFinite(retryAfterMs) ? Math.max(1, Math.ceil(retryAfterMs)) : RETRY_AFTER_OUTAGE_MS;
}

/**
 * The response does not name the scope, and its wait tells nothing about other people's invites of the invitee.
 *
 * @param retryAfterMs the true wait
 */
export function rateLimited(scope: RateLimitScope, retryAfterMs: number): MatrixError {
  const wait = scope === 'invitee' ? INVITEE_RETRY_AFTER_MS : retryAfterMs;
  return refusalError(429, 'M_LIMIT_EXCEEDED', 'Too many requests', {
    retryAfterMs: wait,
  });
}

export function eventTooLarge(): MatrixError {
  return refusalError(413, 'M_TOO_LARGE', 'The invite is too large for an event');
}

/** Milliseconds to wait before retrying while another request invites the same address: it usually takes no longer. */
const RETRY_AFTER_CLAIM_MS = 2_000;

export function addressInviteUnderWay(retryAfterMs: number = RETRY_AFTER_CLAIM_MS): MatrixError {
  return refusalError(503, 'M_UNKNOWN', 'The address is being invited by another request', { retryAfterMs });
}

/** The identity server knows an owner of the address, and does not say who. */
export function addressInUse(): MatrixError {
  return refusalError(400, 'M_THREEPID_IN_USE', 'The address belongs to a user who cannot be found');
}

/**
 * Turns the failure of a `ThirdPartyIdentity` into the error of a response: 504 if it was late, 500 for a mistake in the
 * host's code, otherwise 502.
 */
export function identityFailure(cause: unknown): MatrixError {
  if (isFault(cause)) return internalError(cause);
  return cause instanceof DeadlineOverError
    ? new MatrixError(504, 'M_UNKNOWN', 'The address could not be looked up or invited in time', { cause })
    : new MatrixError(502, 'M_UNKNOWN', 'The address could not be looked up or invited', { cause });
}

/** `federation` needed more than its `timeoutMs`. The invite may be completed later. */
export function remoteTooLate(cause: unknown): MatrixError {
  return new MatrixError(504, 'M_UNKNOWN', 'The invite of a user of another server took too long', { cause });
}

/** Creates the error for an adapter that is down, hung or overloaded: the same request may succeed soon. */
export function unavailable(cause?: unknown): MatrixError {
  return new MatrixError(503, 'M_UNKNOWN', 'The server cannot process this request right now', {
    retryAfterMs: RETRY_AFTER_OUTAGE_MS,
    cause,
  });
}

/** Creates the error for a bug, in this package or the host app. The cause is only logged. */
export function internalError(cause: unknown): MatrixError {
  return new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}

/** Turns anything thrown into the error of a response: a MatrixError stays, an outage is a 503, the rest a 500. */
export function toMatrixError(thrown: unknown): MatrixError {
  const error = readable(thrown);
  if (isMatrixError(error)) return error;
  const isOutage = isStorageUnavailable(error) || error instanceof DeadlineOverError;
  return isOutage ? hostFailure(error) : internalError(error);
}

/**
 * Turns the failure of a host function into the error of a response: 503 for an outage, 500 for a mistake in the host's
 * code, which a retry does not fix.
 */
export function hostFailure(cause: unknown): MatrixError {
  return isFault(cause) ? internalError(cause) : unavailable(cause);
}
