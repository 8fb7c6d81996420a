import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AddressGuard } from '../../../adapters/shared/outbound/address-guard.ts';
import { DnsStub } from '../../support/dns-stub.ts';
import { hostOf, specialAddresses } from '../../support/special-addresses.ts';
import { connectsDuring } from './connects.ts';
import { ADDRESS, ALICE, adapter, context, rejectionOf } from './support.ts';

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

/** A name for each address, so that each has a circuit of its own. */
const nameOf = (address: string) => `${Buffer.from(address).toString('hex').slice(0, 60)}.test`;

describe('an address that is not of the public internet', () => {
  it.each(specialAddresses)('gets no packet, %s: %s', async (_range, address) => {
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
