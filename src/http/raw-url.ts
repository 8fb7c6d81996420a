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
  const raw = endOf(originalUrl, slashesIn(pathOf(url)));
  return isDecoded(url, raw) ? raw : url;
}

/**
 * The end of a URL, from that many slashes of its path on. It is not found by `baseUrl`: what led here may have been
 * encoded too (`%763` for `v3`), or have had slashes too many. Slashes themselves stay encoded.
 */
function endOf(url: string, slashes: number): string {
  let start = pathOf(url).length;
  for (let left = slashes; left > 0 && start > 0; left -= 1) start = url.lastIndexOf('/', start - 1);
  return url.slice(Math.max(0, start));
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

function slashesIn(path: string): number {
  return path.split('/').length - 1;
}

function isDecoded(url: string, raw: string): boolean {
  try {
    return decodeURI(raw) === url;
  } catch {
    return false;
  }
}
