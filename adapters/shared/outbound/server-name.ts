import { isIPv4 } from 'node:net';
import { isServerName } from '../../../src/rooms/identifiers.ts';

/**
 * Returns true for a server name that a URL can have, with a port of 1 to 65535. A name that ends in a number must be an
 * IPv4 address: URLs read `1.2.3` and `0x7f.1` as addresses, too.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#server-name
 */
export function isReachableServerName(value: unknown): value is string {
  if (typeof value !== 'string' || !isServerName(value) || !URL.canParse(`https://${value}`)) return false;
  const { hostname, port } = new URL(`https://${value}`);
  return port !== '0' && (!isIPv4(hostname) || value.replace(/:[0-9]+$/, '') === hostname);
}
