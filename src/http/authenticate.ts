import type { IncomingMessage } from 'node:http';
import { isMatrixError, type MatrixError } from '../errors.ts';
import { ignoreRejections } from '../internal/unawaited.ts';
import type { ServiceConfig } from '../invite/config.ts';
import { Deadline } from '../invite/deadline.ts';
import type { Refused } from '../invite/decision.ts';
import { endRun } from '../invite/explain.ts';
import { consumeAttempt } from '../invite/limits.ts';
import { hostFailure, internalError, refusalError } from '../invite/refusals.ts';
import { refuseRequester } from '../invite/request.ts';
import type { AuthAdapter, AuthFailure, AuthResult, Requester, SessionAuth } from '../ports/auth.ts';
import type { JsonObject } from '../rooms/event.ts';
import { isUserId } from '../rooms/identifiers.ts';
import { credentialsOf } from './credentials.ts';
import type { Exchange } from './response.ts';

/** The host's logins, with a token or without. */
export type Logins<R extends Requester> = {
  readonly auth: AuthAdapter<R> | undefined;
  readonly session: SessionAuth<R> | undefined;
  readonly queryToken: boolean;
};

/**
 * Returns the requester if they may invite at all, and consumes a point of their `attempt` limit. Runs before any body
 * or room is read.
 *
 * @param isAttemptDeferred true if the caller consumes the point instead, see {@link throttle}
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
export async function authenticateAndThrottle<R extends Requester>(
  config: ServiceConfig<R> & Logins<R>,
  { request, trace }: Exchange,
  isAttemptDeferred: (requester: R) => boolean = () => false,
): Promise<R> {
  const deadline = new Deadline(config.deadlineMs);
  let refused: Refused | undefined;
  try {
    const requester = await authenticate(config, request, deadline);
    trace.requesterId = requester.userId;
    refused = refuseRequester(requester, config.serverNames);
    if (refused === undefined && config.rateLimit !== false && !isAttemptDeferred(requester)) {
      refused = await consumeAttempt(config.rateLimit, requester, deadline);
    }
    if (refused !== undefined) throw refused.error;
    return requester;
  } catch (error) {
    // Never a 401 for an outage: it would log clients out.
    throw isMatrixError(error) ? error : hostFailure(error);
  } finally {
    endRun({ deadline, trace, tries: 0 }, refused);
  }
}

/**
 * Consumes a point of the requester's `attempt` limit.
 *
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
export async function throttle<R extends Requester>(
  { rateLimit, deadlineMs }: ServiceConfig<R>,
  { trace }: Exchange,
  requester: R,
): Promise<void> {
  const deadline = new Deadline(deadlineMs);
  let refused: Refused | undefined;
  try {
    refused = await consumeAttempt(rateLimit, requester, deadline);
    if (refused !== undefined) throw refused.error;
  } finally {
    endRun({ deadline, trace, tries: 0 }, refused);
  }
}

/**
 * Identifies the sender of a request: by its token, or by the host's session if it has no token.
 *
 * @throws (or rejects) the failure
 */
function authenticate<R extends Requester>(
  { auth, session, queryToken }: Logins<R>,
  request: IncomingMessage,
  deadline: Deadline,
): Promise<R> {
  const credentials = credentialsOf(request, queryToken);
  const { accessToken } = credentials;
  if (accessToken !== undefined) {
    if (auth === undefined) throw authError('unknown');
    const authRequest = { ...credentials, accessToken, request };
    return deadline
      .call('authenticate', (context) => auth.authenticate(authRequest, context))
      .then(requesterOfToken);
  }
  if (session === undefined || !maySendCookies(request, session.allowedOrigins)) throw missingToken();
  return deadline
    .call('authenticate', (context) => session.authenticate(request, context))
    .then(requesterOfSession);
}

function requesterOfToken<R extends Requester>(result: AuthResult<R>): R {
  return requesterOf('auth', result);
}

function requesterOfSession<R extends Requester>(result: AuthResult<R> | null | undefined): R {
  // Many lookups return null for nobody. Without a token, `unknown` can only mean that nobody is logged in.
  if (result === undefined || result === null || hasFailure(result, 'unknown')) throw missingToken();
  return requesterOf('session', result);
}

function missingToken(): MatrixError {
  return refusalError(401, 'M_MISSING_TOKEN', 'An access token is required');
}

/** @throws {MatrixError} the failure, or 500 when the host's function returned neither a requester nor a failure */
function requesterOf<R extends Requester>(option: 'auth' | 'session', result: AuthResult<R>): R {
  if (typeof result === 'object' && result !== null) {
    if ('requester' in result) {
      if (isUser(result.requester)) return result.requester;
      ignoreRejections(result.requester);
    }
    if ('failure' in result && Object.hasOwn(AUTH_ERRORS, result.failure)) throw authError(result.failure);
  }
  ignoreRejections(result);
  throw internalError(
    new TypeError(
      `${option}.authenticate must resolve { requester: { userId } } with a full Matrix user ID, ` +
        `or { failure } with one of ${Object.keys(AUTH_ERRORS).join(', ')}`,
    ),
  );
}

function isUser(requester: Requester | undefined): boolean {
  return typeof requester?.userId === 'string' && isUserId(requester.userId);
}

function hasFailure(result: AuthResult, reason: AuthFailure): boolean {
  return typeof result === 'object' && 'failure' in result && result.failure === reason;
}

/**
 * Browsers send cookies with POST requests from any site, but always together with `Origin`: only pages of the allowed
 * origins may use a cookie. A request without `Origin` does not come from a page, unless `Sec-Fetch-Site` says
 * otherwise.
 */
function maySendCookies({ headers }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  if (headers.origin === undefined) {
    return [undefined, 'none', 'same-origin'].includes(headers['sec-fetch-site'] as string | undefined);
  }
  return allowedOrigins.includes(headers.origin);
}

type AuthError = readonly [status: number, errcode: string, error: string, fields?: JsonObject];

const SOFT_LOGOUT = { soft_logout: true };

const AUTH_ERRORS: Record<AuthFailure, AuthError> = {
  unknown: [401, 'M_UNKNOWN_TOKEN', 'The access token is unknown'],
  expired: [401, 'M_UNKNOWN_TOKEN', 'The access token has expired', SOFT_LOGOUT],
  locked: [401, 'M_USER_LOCKED', 'The account is locked', SOFT_LOGOUT],
  forbidden: [403, 'M_FORBIDDEN', 'The access token may not act as this user'],
  unknownDevice: [400, 'M_UNKNOWN_DEVICE', 'The device is unknown'],
};

function authError(failure: AuthFailure): MatrixError {
  const [status, errcode, error, fields = {}] = AUTH_ERRORS[failure];
  return refusalError(status, errcode, error, { fields });
}
