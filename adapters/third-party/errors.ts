import { InviteNotSentError, MatrixError } from '../../src/errors.ts';
import { errcodeOf, retryAfterMsOf } from '../shared/outbound/answer.ts';
import type { OutboundAnswer } from '../shared/outbound/client.ts';
import { OutboundError } from '../shared/outbound/error.ts';

/** The wait for a client when too many requests are under way, in milliseconds. */
const BUSY_RETRY_AFTER_MS = 2_000;

/**
 * Returns the error for an answer that is no success. Its text is never that of the identity server, which nobody here
 * has chosen.
 */
export function errorOf(answer: OutboundAnswer): MatrixError {
  const errcode = errcodeOf(answer);
  const cause = answer.unusable(`status ${answer.status}`);
  switch (answer.status) {
    case 400:
      if (errcode === 'M_INVALID_EMAIL' || errcode === 'M_INVALID_ADDRESS') {
        return new MatrixError(400, 'M_INVALID_PARAM', 'The identity server rejects the address', { cause });
      }
      break;
    case 401:
      // Never a 401: it would log the client out of this server.
      return new MatrixError(403, 'M_UNAUTHORIZED', 'The identity server rejects id_access_token', { cause });
    case 403:
      return errcode === 'M_TERMS_NOT_SIGNED'
        ? new MatrixError(403, errcode, 'The terms of the identity server must be accepted first', { cause })
        : new MatrixError(403, 'M_FORBIDDEN', 'The identity server refuses the request', { cause });
    case 429:
      return new MatrixError(429, 'M_LIMIT_EXCEEDED', 'The identity server has received too many requests', {
        retryAfterMs: retryAfterMsOf(answer),
        cause,
      });
  }
  return unusableAnswer(cause);
}

/** Returns the error for an answer that is not what the protocol says. */
export function unusableAnswer(cause: OutboundError): MatrixError {
  return new MatrixError(502, 'M_UNKNOWN', 'The identity server gave no valid answer', { cause });
}

/** Returns the error for a request without a complete answer. */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof OutboundError)) return error;
  const cause = error;
  switch (error.failure) {
    case 'timeout':
      return new MatrixError(504, 'M_UNKNOWN', 'The identity server did not respond in time', { cause });
    case 'busy':
      // Below 500, because nothing was sent: the next request may try at once.
      return new MatrixError(429, 'M_LIMIT_EXCEEDED', 'Too many requests to identity servers are under way', {
        retryAfterMs: BUSY_RETRY_AFTER_MS,
        cause,
      });
    case 'answer':
      return unusableAnswer(error);
    default:
      return new MatrixError(502, 'M_UNKNOWN', 'The identity server cannot be reached', { cause });
  }
}

/** Returns the error for an invite that was not stored, which says so if the identity server certainly got no request. */
export function unlessSent(error: unknown): unknown {
  return error instanceof OutboundError && error.isNotSent && error.failure !== 'busy'
    ? new InviteNotSentError('The identity server cannot be reached', { cause: error })
    : error;
}
