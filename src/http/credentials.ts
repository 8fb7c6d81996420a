import type { IncomingMessage } from 'node:http';
import { MatrixError } from '../errors.ts';

/** What a request brings to say who it is from. */
export type Credentials = {
  readonly accessToken?: string | undefined;
  readonly assertedUserId?: string | undefined;
  readonly assertedDeviceId?: string | undefined;
};

/**
 * Reads the access token from `Authorization: Bearer` or from `?access_token=`, and what an application service
 * asserts.
 *
 * @throws {MatrixError} 401 `M_MISSING_TOKEN` when it is said twice or in two places, 400 `M_INVALID_PARAM` when an
 *   assertion is
 */
export function credentialsOf(request: IncomingMessage, queryToken: boolean): Credentials {
  const query = queryOf(request);
  const tokens = queryToken ? query.getAll('access_token') : [];
  const bearer = bearerToken(authorizationHeader(request));
  if (bearer !== undefined) tokens.push(bearer);
  if (tokens.length > 1) throw givenTwice();
  return {
    accessToken: tokens[0] || undefined,
    assertedUserId: single(query, 'user_id'),
    assertedDeviceId: single(query, 'device_id'),
  };
}

/**
 * The one Authorization header, from the raw ones: Node keeps only the first, and a proxy may have read another.
 *
 * @throws {MatrixError} 401 `M_MISSING_TOKEN` when there are several
 */
function authorizationHeader({ rawHeaders }: IncomingMessage): string {
  let found: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue;
    if (found !== undefined) throw givenTwice();
    found = rawHeaders[index + 1];
  }
  return found ?? '';
}

function givenTwice(): MatrixError {
  return new MatrixError(401, 'M_MISSING_TOKEN', 'The access token is given more than once');
}

const BEARER = 'bearer';

/** The token, none in other schemes than Bearer: those are for others (a proxy's Basic, say). */
function bearerToken(authorization: string): string | undefined {
  if (authorization.slice(0, BEARER.length).toLowerCase() !== BEARER) return undefined;
  const token = authorization.slice(BEARER.length);
  return token === '' || token.startsWith(' ') ? token.trim() : undefined;
}

const NO_QUERY = new URLSearchParams();

/** The parameters of a request's query, to be read only. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  return start === -1 ? NO_QUERY : new URLSearchParams(url.slice(start + 1));
}

/** @throws {MatrixError} 400 `M_INVALID_PARAM` when it is said twice */
export function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new MatrixError(400, 'M_INVALID_PARAM', `${name} is given more than once`);
  return values[0];
}
