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
 * Returns the Authorization header as `request.headers` has it when the router is reached: middleware may have written,
 * replaced or deleted it. Serverless platforms may leave a list of values.
 *
 * @throws {MatrixError} 401 `M_MISSING_TOKEN` if there are several
 */
function authorizationHeader({ headers, rawHeaders }: IncomingMessage): string {
  const value: unknown = headers.authorization;
  if (typeof value === 'string') {
    if (JOINED.test(value) || isOneOfSeveral(value, rawHeaders)) throw tokenSentTwice();
    return value;
  }
  if (!Array.isArray(value)) return '';
  if (value.length > 1) throw tokenSentTwice();
  return typeof value[0] === 'string' ? value[0] : '';
}

/**
 * Two headers that a platform has joined, such as Node with `joinDuplicateHeaders`: one of them has a token, which
 * contains no comma (RFC 6750, section 2.1).
 */
const JOINED = /,[ \t]*bearer[ \t]|^[ \t]*bearer [^,]*,[ \t]*[\w!#$%&'*+.^`|~-]+[ \t]/i;

/**
 * Returns true if the client sent several Authorization headers and this is one of them, or all of them, even if the host
 * has written it in another way. Node keeps only the first in `headers`, and a proxy may have read another. Platforms that
 * build requests themselves may have no raw headers.
 */
function isOneOfSeveral(value: string, rawHeaders: readonly string[] | undefined): boolean {
  if (rawHeaders === undefined) return false;
  const sent: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue;
    sent.push(rawHeaders[index + 1] ?? '');
  }
  if (sent.length < 2) return false;
  const token = bearerToken(value);
  return (
    value === sent.join(', ') ||
    sent.some((raw) => raw === value || (token !== undefined && bearerToken(raw) === token))
  );
}

function tokenSentTwice(): MatrixError {
  return new MatrixError(401, 'M_MISSING_TOKEN', 'The access token was sent more than once');
}

const BEARER = 'bearer';

/**
 * Returns the token of the scheme `Bearer`, in any case. Ignores other schemes, such as a proxy's Basic. Only removes
 * what is not part of the token: the spaces after the scheme, and spaces and tabs around the header.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#using-access-tokens
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-11.4
 */
function bearerToken(authorization: string): string | undefined {
  const header = withoutOuterWhitespace(authorization);
  if (header.slice(0, BEARER.length).toLowerCase() !== BEARER) return undefined;
  let start = BEARER.length;
  while (header[start] === ' ') start += 1;
  return start > BEARER.length || header.length === BEARER.length ? header.slice(start) : undefined;
}

/** Removes optional whitespace: spaces and tabs (RFC 9110, section 5.6.3). */
function withoutOuterWhitespace(header: string): string {
  let start = 0;
  let end = header.length;
  while (isWhitespace(header[start])) start += 1;
  while (end > start && isWhitespace(header[end - 1])) end -= 1;
  return header.slice(start, end);
}

function isWhitespace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

const NO_QUERY = new URLSearchParams();

/** Returns the query parameters of a request. They may be shared: do not change them. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  if (start === -1) return NO_QUERY;
  const fragment = url.indexOf('#');
  if (fragment === -1) return new URLSearchParams(url.slice(start + 1));
  return fragment < start ? NO_QUERY : new URLSearchParams(url.slice(start + 1, fragment));
}

/** @throws {MatrixError} 400 `M_INVALID_PARAM` if the parameter is sent twice */
export function singleParameter(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new MatrixError(400, 'M_INVALID_PARAM', `${name} was sent more than once`);
  return values[0];
}
