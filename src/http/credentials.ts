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
  const headers = authorizationHeaders(request);
  const tokens = [...headers.flatMap(bearerToken), ...(queryToken ? query.getAll('access_token') : [])];
  if (headers.length > 1 || tokens.length > 1) {
    throw new MatrixError(401, 'M_MISSING_TOKEN', 'The access token is given more than once');
  }
  return {
    accessToken: tokens[0] || undefined,
    assertedUserId: single(query, 'user_id'),
    assertedDeviceId: single(query, 'device_id'),
  };
}

/** Every Authorization header, from the raw ones: Node keeps only the first, and a proxy may have read another. */
function authorizationHeaders({ rawHeaders }: IncomingMessage): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = [rawHeaders[index], rawHeaders[index + 1]];
    if (name.length === 'authorization'.length && name.toLowerCase() === 'authorization') values.push(value);
  }
  return values;
}

/** The token, none in other schemes than Bearer: those are for others (a proxy's Basic, say). */
function bearerToken(authorization: string): string[] {
  const token = /^Bearer(?: +(.*))?$/i.exec(authorization);
  return token === null ? [] : [(token[1] ?? '').trim()];
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
