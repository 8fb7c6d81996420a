import type { IncomingMessage } from 'node:http';

type MountedRequest = IncomingMessage & {
  /** The whole of the path, as it came. */
  readonly originalUrl?: unknown;
  /** What of the path led here. */
  readonly baseUrl?: unknown;
};

/**
 * The path and query below the mount point, percent-encoded as the client has sent them. `@fastify/express` gives
 * middlewares a decoded `url`, which is then decoded once more: `%2541` would become `A`. A URL that a host has
 * rewritten in any other way is its own affair, and stays.
 */
export function rawUrlOf({ url = '', originalUrl, baseUrl = '' }: MountedRequest): string {
  if (typeof originalUrl !== 'string' || typeof baseUrl !== 'string' || originalUrl === baseUrl + url)
    return url;
  if (!originalUrl.startsWith(baseUrl)) return url;
  const raw = originalUrl.slice(baseUrl.length);
  return isDecoded(url, raw) ? raw : url;
}

function isDecoded(url: string, raw: string): boolean {
  try {
    return decodeURI(raw) === url;
  } catch {
    return false;
  }
}
