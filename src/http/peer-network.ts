import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';

/**
 * Returns the network that a request comes from: an IPv4 address, or the first 64 bits of an IPv6 one, because a whole
 * network of that size has one owner. In Express, the option `trust proxy` applies.
 */
export function peerNetwork(request: IncomingMessage & { readonly ip?: unknown }): string {
  const { ip } = request;
  return networkOf(typeof ip === 'string' ? ip : (request.socket.remoteAddress ?? ''));
}

/** Node writes the IPv4 address of a peer like this if it listens on IPv6 as well. */
const MAPPED_IPV4 = /^::ffff:(?=[0-9.]+$)/i;

function networkOf(address: string): string {
  const unmapped = address.replace(MAPPED_IPV4, '');
  if (!isIPv6(unmapped)) return unmapped;
  const [start = [], end = []] = unmapped.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array<string>(8 - start.length - end.length).fill('0');
  return [...start, ...zeros, ...end].slice(0, 4).join(':');
}
