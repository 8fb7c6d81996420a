import type { IncomingMessage } from 'node:http';
import { MatrixError } from '../errors.ts';
import type { AuthAdapter, AuthFailure, Requester, SessionAuth } from '../ports/auth.ts';
import type { CallContext } from '../ports/context.ts';
import { type Credentials, credentialsOf } from './credentials.ts';

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
  context: CallContext,
): Promise<R> {
  const credentials = credentialsOf(request, queryToken);
  if (credentials.accessToken !== undefined) {
    return byToken(request, { ...credentials, accessToken: credentials.accessToken }, auth, context);
  }
  if (session !== undefined && maySendCookies(request, session.allowedOrigins)) {
    const result = await session.authenticate(request, context);
    if (result !== undefined && 'requester' in result) return result.requester;
    // Without a token there is none that could be unknown.
    if (result !== undefined && result.failure !== 'unknown') throw failure(result.failure);
  }
  throw new MatrixError(401, 'M_MISSING_TOKEN', 'An access token is needed');
}

async function byToken<R extends Requester>(
  request: IncomingMessage,
  credentials: Credentials & { readonly accessToken: string },
  auth: AuthAdapter<R> | undefined,
  context: CallContext,
): Promise<R> {
  if (auth === undefined) throw failure('unknown');
  const result = await auth.authenticate({ ...credentials, request }, context);
  if ('failure' in result) throw failure(result.failure);
  return result.requester;
}

/**
 * Browsers send cookies along with posts from any site, but they always say from which: only pages of these origins
 * may act by a cookie. A request without `Origin` is from no page.
 */
function maySendCookies({ headers }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  return headers.origin === undefined || allowedOrigins.includes(headers.origin);
}

function failure(reason: AuthFailure): MatrixError {
  switch (reason) {
    case 'unknown':
      return new MatrixError(401, 'M_UNKNOWN_TOKEN', 'The access token is not known');
    case 'expired':
      return new MatrixError(401, 'M_UNKNOWN_TOKEN', 'The access token has expired', {
        fields: { soft_logout: true },
      });
    case 'locked':
      return new MatrixError(401, 'M_USER_LOCKED', 'The account is locked', {
        fields: { soft_logout: true },
      });
    case 'forbidden':
      return new MatrixError(403, 'M_FORBIDDEN', 'The access token does not allow to act as this user');
    case 'unknownDevice':
      return new MatrixError(400, 'M_UNKNOWN_DEVICE', 'The device is not known');
  }
}
