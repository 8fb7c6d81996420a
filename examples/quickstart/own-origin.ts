import { isIP } from 'node:net';
import type { RequestHandler } from 'express';

/**
 * Refuses what the pages of other websites send. Everybody knows the demo's access tokens, and a page that you visit
 * while the demo runs can reach this machine from your browser. Browsers name such a page in `Origin`. A website whose
 * domain name points at this machine (DNS rebinding) has the same origin as the demo, but its name is in `Host`.
 *
 * @param host a host name that the demo is known by, besides `localhost` and IP addresses
 */
export function ownOriginOnly(host: string): RequestHandler {
  const ownName = host.toLowerCase();
  return ({ headers }, response, next) => {
    const name = hostNameOf(`http://${headers.host}`);
    const isOwnHost = name !== undefined && (name === 'localhost' || name === ownName || isAddress(name));
    const isOwnOrigin = headers.origin === undefined || isSameOrigin(headers.origin, headers.host);
    if (isOwnHost && isOwnOrigin) return next();
    const error = isOwnHost
      ? 'The demo accepts requests only from its own page, and from programs that send no Origin header'
      : 'The demo accepts requests only for localhost, an IP address, or the name in HOST';
    response.status(403).json({ errcode: 'M_FORBIDDEN', error });
  };
}

/** Returns a URL's host name in lower case, or `undefined` if it is not a URL. */
function hostNameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

function isAddress(hostName: string): boolean {
  return isIP(hostName.replace(/^\[|\]$/g, '')) !== 0;
}

function isSameOrigin(origin: string, host = ''): boolean {
  return (
    URL.canParse(origin) && URL.canParse(`http://${host}`) && origin === new URL(`http://${host}`).origin
  );
}
