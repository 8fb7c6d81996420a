import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AddressGuard } from '../../../adapters/shared/outbound/address-guard.ts';
import { DnsStub } from '../../support/dns-stub.ts';
import { connectsDuring } from './connects.ts';
import { ADDRESS, ALICE, adapter, context, rejectionOf } from './support.ts';

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

const addresses = Object.entries(special).flatMap(([range, all]) =>
  all.map((address) => [range, address] as const),
);

/** A listener at all addresses of this machine, where no packet may arrive. */
let listener: Server;
let port: number;
let received = 0;
let dns: DnsStub;

beforeAll(async () => {
  listener = createServer((socket) => {
    received += 1;
    socket.destroy();
  }).listen(0, '::');
  await once(listener, 'listening');
  port = (listener.address() as AddressInfo).port;
  dns = await DnsStub.start();
});

beforeEach(() => {
  received = 0;
});

afterAll(async () => {
  listener.close();
  await Promise.all([once(listener, 'close'), dns.close()]);
});

const strict = () => adapter({ allowAddresses: [], dns: { servers: [dns.address] } });

const inviteAt = (idServer: string) => ({
  idServer,
  idAccessToken: 'token',
  medium: 'email',
  address: ADDRESS,
  roomId: '!room:example.org',
  sender: ALICE,
});

/** A host as URLs and server names have it. */
const hostOf = (address: string) => (address.includes(':') ? `[${address}]` : address);

/** A name for each address, so that each has a circuit of its own. */
const nameOf = (address: string) => `${Buffer.from(address).toString('hex').slice(0, 60)}.test`;

describe('an address that is not of the public internet', () => {
  it.each(addresses)('gets no packet, %s: %s', async (_range, address) => {
    dns.answer = () => [address];
    const identity = await strict();
    const connects = await connectsDuring(port, async () => {
      for (const host of [hostOf(address), nameOf(address)]) {
        const server = `${host}:${port}`;
        const refusals = await Promise.all([
          rejectionOf(
            identity.isKeyValid({ publicKey: 'abc', keyValidityUrl: `https://${server}/` }, context),
          ),
          rejectionOf(identity.lookUp(inviteAt(server), context)),
          rejectionOf(identity.storeInvite(inviteAt(server), {}, context)),
        ]);
        expect(refusals).toEqual(
          Array(3).fill(expect.objectContaining({ status: 502, errcode: 'M_UNKNOWN', failure: 'address' })),
        );
        for (const { error } of refusals)
          expect(`${error.cause}`).not.toContain(host === hostOf(address) ? '\n' : address);
      }
    });
    expect(connects).toEqual([]);
    expect(received).toBe(0);
  });

  it('gets no packet, in notations that only URLs understand', async () => {
    const identity = await strict();
    const texts = [
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '127.0.0.1.',
      '①②⑦.0.0.1',
      '[::ffff:7f00:1]',
      '0',
    ];
    const connects = await connectsDuring(port, async () => {
      for (const text of texts) {
        const keyValidityUrl = `https://${text}:${port}/`;
        expect(
          await rejectionOf(identity.isKeyValid({ publicKey: 'abc', keyValidityUrl }, context)),
        ).toMatchObject({
          failure: 'address',
        });
      }
    });
    expect(connects).toEqual([]);
    expect(received).toBe(0);
  });

  it('is connected to if the host app allows it, in every notation', async () => {
    const identity = await adapter({
      allowAddresses: ['127.0.0.0/8', '::1/128'],
      dns: { servers: [dns.address] },
    });
    const connects = await connectsDuring(port, async () => {
      for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1']) {
        dns.answer = () => [address];
        for (const host of [hostOf(address), nameOf(address)]) {
          const keyValidityUrl = `https://${host}:${port}/`;
          // What listens there speaks no TLS.
          expect(
            await rejectionOf(identity.isKeyValid({ publicKey: 'abc', keyValidityUrl }, context)),
          ).toMatchObject({
            failure: 'tls',
          });
        }
      }
    });
    expect(new Set(connects)).toEqual(new Set(['127.0.0.1', '::1']));
    expect(received).toBe(connects.length);
  });

  it.each([
    ['10.0.0.0/8', '127.0.0.1'],
    ['127.0.0.2/32', '127.0.0.1'],
    ['::1/128', '127.0.0.1'],
    ['0.0.0.0/0', '::1'],
    ['::/0', '127.0.0.1'],
    ['::ffff:0:0/96', '127.0.0.1'],
  ])('gets no packet if the host app only allows %s: %s', async (range, address) => {
    const identity = await adapter({ allowAddresses: [range] });
    const keyValidityUrl = `https://${hostOf(address)}:${port}/`;
    expect(
      await rejectionOf(identity.isKeyValid({ publicKey: 'abc', keyValidityUrl }, context)),
    ).toMatchObject({
      failure: 'address',
    });
    expect(received).toBe(0);
  });

  it('is left out of the addresses of a name', async () => {
    dns.answer = () => ['10.0.0.1', '127.0.0.1', '169.254.169.254', 'fe80::1'];
    const identity = await adapter({ allowAddresses: ['127.0.0.1/32'], dns: { servers: [dns.address] } });
    const connects = await connectsDuring(port, async () => {
      const keyValidityUrl = `https://mixed.test:${port}/`;
      expect(
        await rejectionOf(identity.isKeyValid({ publicKey: 'abc', keyValidityUrl }, context)),
      ).toMatchObject({
        failure: 'tls',
      });
    });
    expect(connects).toEqual(['127.0.0.1']);
  });
});

describe('an address of the public internet', () => {
  it.each([
    ['8.8.8.8', '8.8.8.8'],
    ['1.1.1.1', '1.1.1.1'],
    ['172.15.255.255', '172.15.255.255'],
    ['172.32.0.0', '172.32.0.0'],
    ['100.63.255.255', '100.63.255.255'],
    ['223.255.255.255', '223.255.255.255'],
    ['2606:4700:0000::1111', '2606:4700::1111'],
    ['2A00:1450:4001:0810::200e', '2a00:1450:4001:810::200e'],
    ['::ffff:8.8.8.8', '8.8.8.8'],
    ['::ffff:808:808', '8.8.8.8'],
  ])('may be connected to: %s', (address, written) => {
    expect(new AddressGuard([]).admit(address)).toBe(written);
  });

  it.each([
    '',
    'localhost',
    '8.8.8',
    '008.8.8.8',
    ' 8.8.8.8',
    '8.8.8.8\n',
    '[2606:4700::1111]',
    '2606:4700::1111%1',
  ])('is never a text that Node takes for no address: %j', (text) => {
    expect(new AddressGuard(['0.0.0.0/0', '::/0']).admit(text)).toBeUndefined();
  });
});
