/**
 * Addresses of every special-purpose range, by the registries of IANA (as of 2026), with the first and the last one of
 * those with few neighbors, and every known way to write an IPv4 address into an IPv6 one.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const special: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0', '0.255.255.255'],
  'private use': [
    '10.0.0.0',
    '10.255.255.255',
    '172.16.0.0',
    '172.31.255.255',
    '192.168.0.0',
    '192.168.255.255',
  ],
  'shared address space': ['100.64.0.0', '100.127.255.255'],
  loopback: ['127.0.0.0', '127.0.0.1', '127.255.255.255', '::1'],
  'link local': ['169.254.0.0', '169.254.169.254', '169.254.255.255', 'fe80::', 'febf::ffff'],
  'IETF protocol assignments': [
    '192.0.0.0',
    '192.0.0.8',
    '192.0.0.170',
    '192.0.0.255',
    '2001:1::1',
    '2001:1ff::ffff',
  ],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1', '3fff:fff::1'],
  AS112: ['192.31.196.1', '192.175.48.1', '2001:4:112::1', '2620:4f:8000::1'],
  AMT: ['192.52.193.1', '2001:3::1'],
  '6to4 relay anycast': ['192.88.99.1'],
  benchmarking: ['198.18.0.0', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ffff::'],
  reserved: ['240.0.0.0', '255.255.255.254'],
  'limited broadcast': ['255.255.255.255'],
  unspecified: ['::'],
  'IPv4-compatible': ['::127.0.0.1', '::7f00:1', '::8.8.8.8', '::2'],
  'IPv4-mapped': [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:0.0.0.0',
  ],
  'IPv4-translated': ['::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8'],
  NAT64: [
    '64:ff9b::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '64:ff9b:1:ffff:ffff::1',
  ],
  'discard-only and dummy': ['100::1', '100:0:0:1::1'],
  Teredo: ['2001::1', '2001:0:7f00:1::', '2001:0:ffff::80ff:fffe'],
  ORCHID: ['2001:10::1', '2001:2f:ffff::1'],
  'drone remote IDs': ['2001:30::1'],
  '6to4': ['2002:7f00:1::', '2002:a00:1::1', '2002:808:808::1'],
  'segment routing': ['5f00::1'],
  'unique local': ['fc00::', 'fd00::1', 'fdff:ffff::1'],
  'site local': ['fec0::1', 'feff::1'],
  unassigned: ['1::', '200::1', '4000::1', 'e000::1', '1fff:ffff::1'],
};

/** Each address, with the name of its range. */
export const specialAddresses: readonly (readonly [string, string])[] = Object.entries(special).flatMap(
  ([range, all]) => all.map((address) => [range, address] as const),
);

/** Returns a host as URLs and server names have it. */
export function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
