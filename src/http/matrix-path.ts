import type { IncomingMessage } from 'node:http';

/**
 * Returns true for a request to a path under `/_matrix`, in every form in which a client can write it: as an absolute
 * URL, percent-encoded, in capitals, or with more slashes. Express treats most of these the same.
 */
export function isMatrixRequest(request: IncomingMessage & { readonly originalUrl?: unknown }): boolean {
  const { originalUrl, url } = request;
  return isMatrixUrl(originalUrl) || isMatrixUrl(url);
}

const ORIGIN = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#\\]*/;

function isMatrixUrl(url: unknown): boolean {
  if (typeof url !== 'string') return false;
  const [, segment = ''] = /^[/\\]+([^/?#\\]*)/.exec(url.replace(ORIGIN, '')) ?? [];
  // Without decodeURIComponent, which throws. Only the first segment counts, and it is ASCII.
  const decoded = segment.replace(/%([2-7][0-9A-Fa-f])/g, (_encoded, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return decoded.toLowerCase() === '_matrix';
}
