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
  const tokens = [...bearerTokens(request), ...(queryToken ? query.getAll('access_token') : [])];
  if (tokens.length > 1)
    throw new MatrixError(401, 'M_MISSING_TOKEN', 'The access token is given more than once');
  return {
    accessToken: tokens[0] || undefined,
    assertedUserId: single(query, 'user_id'),
    assertedDeviceId: single(query, 'device_id'),
  };
}

/**
 * The token of each Authorization header. They are counted in the raw headers, since Node keeps only the first of
 * several. Other schemes than Bearer are for others (a proxy's Basic, say).
 */
function bearerTokens({ rawHeaders }: IncomingMessage): string[] {
  const tokens: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'authorization') continue;
    const token = /^Bearer(?: +(.*))?$/i.exec(rawHeaders[index + 1] ?? '');
    if (token !== null) tokens.push((token[1] ?? '').trim());
  }
  return tokens;
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1));
}

function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new MatrixError(400, 'M_INVALID_PARAM', `${name} is given more than once`);
  return values[0];
}
