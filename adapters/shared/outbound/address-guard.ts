import { isIP } from 'node:net';
import { ipaddr } from './ipaddr.ts';

type Address = ReturnType<typeof ipaddr.process>;
type Range = ReturnType<typeof ipaddr.parseCIDR>;

/** All of IPv6 that IANA has given out for global unicast. ipaddr.js calls addresses outside of it unicast, too. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Returns true for a range of addresses in CIDR notation, such as `10.0.0.0/8` or `fd00::/8`. */
export function isCidr(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const [address = '', prefix = '', ...rest] = value.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    /^(?:0|[1-9][0-9]{0,2})$/.test(prefix) &&
    Number(prefix) <= bits &&
    rest.length === 0 &&
    !/%/.test(address)
  );
}

/**
 * Decides which addresses may be connected to: those of the public internet, and those that the host app allows. Names
 * come from clients, from room members and from the DNS of strangers, so an address can be anything: this machine, the
 * network behind it, a cloud provider's metadata service.
 */
export class AddressGuard {
  readonly #allowed: readonly Range[];

  /** @param allowAddresses ranges in CIDR notation that may be connected to as well */
  constructor(allowAddresses: readonly string[]) {
    this.#allowed = allowAddresses.map((range) => ipaddr.parseCIDR(range));
  }

  /**
   * Returns the address to connect to, or undefined if it must not be connected to.
   *
   * An IPv4 address inside an IPv6 one is judged, and connected to, as the IPv4 address. The result is written by the
   * parser that judged it, so that nothing can read it as another address.
   *
   * @param address an IP address in any notation that Node accepts
   */
  admit(address: string): string | undefined {
    const family = isIP(address);
    if (family === 0 || address.includes('%')) return undefined;
    // URLs write every IPv6 address without dots. ipaddr.js reads `::8.8.8.8` as `::ffff:8.8.8.8`, and Node does not.
    const parsed = ipaddr.process(
      family === 4 ? address : new URL(`https://[${address}]`).hostname.slice(1, -1),
    );
    return isPublic(parsed) || this.#allowed.some((range) => isWithin(parsed, range))
      ? parsed.toString()
      : undefined;
  }
}

/** Every special-purpose range has a name of its own in ipaddr.js. What has none is `unicast`. */
function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || isWithin(address, GLOBAL_UNICAST));
}

function isWithin(address: Address, range: Range): boolean {
  return address.kind() === range[0].kind() && address.match(range);
}
