import { MatrixError } from '../../../src/errors.ts';
import { errcodeOf, fieldsOf, retryAfterMsOf } from '../../shared/outbound/answer.ts';
import type { OutboundAnswer } from '../../shared/outbound/client.ts';
import { OutboundError } from '../../shared/outbound/error.ts';

/** The wait for a client when too many requests are running, in milliseconds. */
const BUSY_RETRY_AFTER_MS = 2_000;

const MAX_TEXT_CHARACTERS = 256;

/** Control and format characters, line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * What is known of the invitee's server after a failure:
 * - `refused`: it refused the invite, or its response is not valid.
 * - `notSent`: it certainly did not get the invite with this request.
 * - `unknown`: it may have accepted the invite.
 */
export type FailureKind = 'refused' | 'notSent' | 'unknown';

/** A server that must sign an invite did not sign it. */
export class InviteFailure extends Error {
  readonly kind: FailureKind;
  /** The error of the response. Unless the kind is `refused`, its status is 500 or above. */
  readonly error: MatrixError;

  constructor(kind: FailureKind, error: MatrixError) {
    super(error.message, { cause: error });
    this.kind = kind;
    this.error = error;
  }
}

/** Returns the failure for an error response to an invite that the server understood. */
export function refusalOf(answer: OutboundAnswer): InviteFailure {
  const { status } = answer;
  const errcode = errcodeOf(answer);
  const cause = causeOf(answer);
  const refused = (...[code, name, message, options]: ConstructorParameters<typeof MatrixError>) =>
    new InviteFailure('refused', new MatrixError(code, name, message, { cause, ...options }));
  const isVersionRefused =
    errcode === 'M_INCOMPATIBLE_ROOM_VERSION' || errcode === 'M_UNSUPPORTED_ROOM_VERSION';
  if (status === 400 && isVersionRefused) return unsupportedRoomVersion(answer);
  if (status === 403) {
    const isBlocked = errcode === 'M_INVITE_BLOCKED';
    const message = isBlocked || errcode === 'M_FORBIDDEN' ? textOf(answer) : undefined;
    return refused(
      403,
      isBlocked ? errcode : 'M_FORBIDDEN',
      message ?? "The user's server refuses the invite",
    );
  }
  if (status === 404 && errcode === 'M_NOT_FOUND') {
    return refused(403, 'M_FORBIDDEN', "The user's server refuses the invite");
  }
  if (status === 429) {
    const retryAfterMs = retryAfterMsOf(answer);
    return refused(429, 'M_LIMIT_EXCEEDED', "The user's server has received too many requests", {
      retryAfterMs,
    });
  }
  // After any other status it is certain that the invite was not accepted.
  return new InviteFailure(status >= 500 ? 'unknown' : 'refused', unusable(cause));
}

/** Returns the failure for a server that does not support the room's version. */
export function unsupportedRoomVersion(answer: OutboundAnswer): InviteFailure {
  const error = new MatrixError(
    400,
    'M_UNSUPPORTED_ROOM_VERSION',
    "The user's server does not support the version of this room",
    { cause: causeOf(answer) },
  );
  return new InviteFailure('refused', error);
}

/** Returns the failure for a response that is not what the specification says. */
export function invalidAnswer(answer: OutboundAnswer, reason: string): InviteFailure {
  return new InviteFailure('refused', unusable(answer.unusable(reason)));
}

/** Returns the failure for a request without a complete response. */
export function noAnswer(error: OutboundError): InviteFailure {
  const { failure } = error;
  if (failure === 'answer') return new InviteFailure('refused', unusable(error));
  return new InviteFailure(error.isNotSent ? 'notSent' : 'unknown', unreachable(error));
}

/** Returns the failure for an accepted invite whose signature cannot be checked, because there are no keys. */
export function noKeys(error: OutboundError): InviteFailure {
  return new InviteFailure('unknown', unreachable(error));
}

/** Returns the error for a server that did not respond. */
export function unreachable(cause: OutboundError): MatrixError {
  switch (cause.failure) {
    case 'timeout':
      return new MatrixError(504, 'M_UNKNOWN', 'The other server did not respond in time', { cause });
    case 'busy':
      return new MatrixError(503, 'M_UNKNOWN', 'Too many requests to other servers are under way', {
        retryAfterMs: BUSY_RETRY_AFTER_MS,
        cause,
      });
    default:
      return new MatrixError(502, 'M_UNKNOWN', 'The other server cannot be reached', { cause });
  }
}

/** Returns true unless it is certain that nothing was sent to anybody. */
export function wasAnyoneAsked(error: unknown): boolean {
  return !(error instanceof OutboundError && (error.failure === 'busy' || error.failure === 'circuit'));
}

/** Returns the error for a response that is not usable. */
export function unusable(cause: OutboundError): MatrixError {
  return new MatrixError(502, 'M_UNKNOWN', 'The other server gave no valid answer', { cause });
}

/** Returns the cause for an error response. It contains only the status and the errcode of the response. */
export function causeOf(answer: OutboundAnswer): OutboundError {
  const errcode = errcodeOf(answer) ?? '';
  return answer.unusable(`status ${answer.status}${/^[A-Z0-9_.]{1,64}$/.test(errcode) ? ` ${errcode}` : ''}`);
}

/** Returns the message of an error response with the name of its server, without characters that are unsafe to print. */
export function textOf(answer: OutboundAnswer): string | undefined {
  const text = fieldsOf(answer)?.error;
  if (typeof text !== 'string') return undefined;
  // Each character has at most two units.
  const printable = `${answer.server}: ${text.slice(0, 8 * MAX_TEXT_CHARACTERS).replace(UNPRINTABLE, '')}`;
  return [...printable].slice(0, MAX_TEXT_CHARACTERS).join('');
}
