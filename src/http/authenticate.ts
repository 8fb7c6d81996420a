import type { IncomingMessage } from 'node:http';
import { isMatrixError, MatrixError } from '../errors.ts';
import type { Deadline } from '../invite/deadline.ts';
import { refusal } from '../invite/refusal.ts';
import { unavailable } from '../invite/refusals.ts';
import type { AuthAdapter, AuthFailure, AuthResult, Requester, SessionAuth } from '../ports/auth.ts';
import type { JsonObject } from '../rooms/event.ts';
import { isUserId } from '../rooms/identifiers.ts';
import { credentialsOf } from './credentials.ts';

export type Logins<R extends Requester> = {
  readonly auth: AuthAdapter<R> | undefined;
  readonly session: SessionAuth<R> | undefined;
  readonly queryToken: boolean;
};

/**
 * Finds out who sent a request: by its token, or by the host's session where there is no token.
 *
 * @throws {MatrixError} when nobody can be made out
 */
export async function authenticate<R extends Requester>(
  request: IncomingMessage,
  { auth, session, queryToken }: Logins<R>,
  deadline: Deadline,
): Promise<R> {
  try {
    const credentials = credentialsOf(request, queryToken);
    const { accessToken } = credentials;
    if (accessToken !== undefined) {
      if (auth === undefined) throw failure('unknown');
      const authRequest = { ...credentials, accessToken, request };
      const result = await deadline.call('authenticate', (context) =>
        auth.authenticate(authRequest, context),
      );
      return requesterOf('auth', result);
    }
    if (session !== undefined && maySendCookies(request, session.allowedOrigins)) {
      const result = await deadline.call('authenticate', (context) => session.authenticate(request, context));
      // Many look-ups say null for nobody; and without a token there is none that could be unknown.
      const isNobody = result === undefined || result === null || hasFailure(result, 'unknown');
      if (!isNobody) return requesterOf('session', result);
    }
    throw refusal(401, 'M_MISSING_TOKEN', 'An access token is needed');
  } catch (error) {
    // Never a 401 for an outage: it would log clients out.
    throw isMatrixError(error) ? error : unavailable(error);
  }
}

/** @throws {MatrixError} the failure, or 500 when a host's function gave neither requester nor failure */
function requesterOf<R extends Requester>(option: 'auth' | 'session', result: AuthResult<R>): R {
  if (typeof result === 'object' && result !== null) {
    if ('requester' in result && isUser(result.requester)) return result.requester;
    if ('failure' in result && Object.hasOwn(FAILURES, result.failure)) throw failure(result.failure);
  }
  const cause = new TypeError(
    `${option}.authenticate must resolve { requester: { userId } } with a full Matrix user ID, ` +
      `or { failure } with one of ${Object.keys(FAILURES).join(', ')}`,
  );
  throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}

function isUser(requester: Requester | undefined): boolean {
  return typeof requester?.userId === 'string' && isUserId(requester.userId);
}

function hasFailure(result: AuthResult, reason: AuthFailure): boolean {
  return typeof result === 'object' && 'failure' in result && result.failure === reason;
}

/**
 * Browsers send cookies along with posts from any site, but they always say from which: only pages of these origins
 * may act by a cookie. A request without `Origin` is from no page, unless
 * `Sec-Fetch-Site` says otherwise.
 */
function maySendCookies({ headers }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  if (headers.origin === undefined) {
    return [undefined, 'none', 'same-origin'].includes(headers['sec-fetch-site'] as string | undefined);
  }
  return allowedOrigins.includes(headers.origin);
}

type Answer = readonly [status: number, errcode: string, text: string, fields?: JsonObject];

const SOFT_LOGOUT = { soft_logout: true };

const FAILURES: Record<AuthFailure, Answer> = {
  unknown: [401, 'M_UNKNOWN_TOKEN', 'The access token is not known'],
  expired: [401, 'M_UNKNOWN_TOKEN', 'The access token has expired', SOFT_LOGOUT],
  locked: [401, 'M_USER_LOCKED', 'The account is locked', SOFT_LOGOUT],
  forbidden: [403, 'M_FORBIDDEN', 'The access token does not allow to act as this user'],
  unknownDevice: [400, 'M_UNKNOWN_DEVICE', 'The device is not known'],
};

function failure(reason: AuthFailure): MatrixError {
  const [status, errcode, text, fields = {}] = FAILURES[reason];
  return refusal(status, errcode, text, { fields });
}
