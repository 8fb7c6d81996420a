import type { IncomingMessage } from 'node:http';
import { MatrixError } from '../errors.ts';

/** The credentials in a request. */
export type Credentials = {
  readonly accessToken?: string | undefined;
  readonly assertedUserId?: string | undefined;
  readonly assertedDeviceId?: string | undefined;
};

/**
 * Reads the access token from `Authorization: Bearer` or from `?access_token=`, and the user and device that an
 * application service asserts. A request may contain only one token: more than one is ambiguous.
 *
 * @throws {MatrixError} 401 `M_MISSING_TOKEN` if the token is sent twice or in two places, 400 `M_INVALID_PARAM` if an
 *   assertion is sent twice
 * @see https://spec.matrix.org/v1.18/client-server-api/#using-access-tokens
 */
export function credentialsOf(request: IncomingMessage, queryToken: boolean): Credentials {
  const query = queryOf(request);
  const tokens = queryToken ? query.getAll('access_token') : [];
  const bearer = bearerToken(authorizationHeader(request));
  if (bearer !== undefined) tokens.push(bearer);
  if (tokens.length > 1) throw tokenSentTwice();
  return {
    accessToken: tokens[0] || undefined,
    assertedUserId: singleParameter(query, 'user_id'),
    assertedDeviceId: singleParameter(query, 'device_id'),
  };
}

/**
 * Returns the only Authorization header. Reads the raw headers, because Node keeps only the first one and a proxy may
 * have read another.
 *
 * @throws {MatrixError} 401 `M_MISSING_TOKEN` if there are several
 */
function authorizationHeader({ rawHeaders }: IncomingMessage): string {
  let found: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue;
    if (found !== undefined) throw tokenSentTwice();
    found = rawHeaders[index + 1];
  }
  return found ?? '';
}

function tokenSentTwice(): MatrixError {
  return new MatrixError(401, 'M_MISSING_TOKEN', 'The access token was sent more than once');
}

const BEARER = 'bearer';

/**
 * Returns the token of the scheme `Bearer`, in any case. Ignores other schemes, such as a proxy's Basic.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#using-access-tokens
 */
function bearerToken(authorization: string): string | undefined {
  if (authorization.slice(0, BEARER.length).toLowerCase() !== BEARER) return undefined;
  const token = authorization.slice(BEARER.length);
  return token === '' || token.startsWith(' ') ? token.trim() : undefined;
}

const NO_QUERY = new URLSearchParams();

/** Returns the query parameters of a request. They may be shared: do not change them. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  return start === -1 ? NO_QUERY : new URLSearchParams(url.slice(start + 1));
}

/** @throws {MatrixError} 400 `M_INVALID_PARAM` if the parameter is sent twice */
export function singleParameter(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new MatrixError(400, 'M_INVALID_PARAM', `${name} was sent more than once`);
  return values[0];
}
