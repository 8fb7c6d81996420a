import { createInviteService } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { createThirdPartyInviteRouter } from 'express-matrix-invite/third-party';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { JsonObject } from '../../src/rooms/event.ts';
import { range } from '../../src/testing/random.ts';
import { newApp } from '../frameworks/hosts/new-app.ts';
import { OwnMailer } from '../support/own-mailer.ts';
import { ALICE, agentOf, BOB, CAROL, memberOf, ROOM, recordingLogger, seedRoom, silent } from './support.ts';

const PATH = '/_matrix/federation/v1/3pid/onbind';
const secret = 'a secret of at least thirty-two bytes';

async function setUp(options: object = {}, version = '11') {
  const storage = new MemoryStorage();
  const mailer = new OwnMailer();
  const thirdParty = { identity: mailer, pending: storage, secret };
  const common = { serverName: 'example.org', storage, thirdParty, logger: silent, ...options };
  const service = createInviteService({ ...common, rateLimit: false });
  await seedRoom(storage, { version, members: { [CAROL]: 'join' } });
  const app = newApp();
  app.use('/_matrix/federation/v1', createThirdPartyInviteRouter(common));
  const inviteByAddress = async (requester = ALICE) => {
    const { outcome } = await service.inviteByAddress({
      requester: { userId: requester },
      roomId: ROOM,
      idServer: 'id.example.org',
      idAccessToken: 'token',
      medium: 'email',
      address: 'bob@example.com',
    });
    expect(outcome).toBe('storedForAddress');
    return mailer.mails.at(-1)?.token ?? '';
  };
  return { app, service, storage, mailer, inviteByAddress };
}

function inviteIn(signed: JsonObject, changes: object = {}) {
  return {
    medium: 'email',
    address: 'bob@example.com',
    mxid: BOB,
    room_id: ROOM,
    sender: ALICE,
    signed,
    ...changes,
  };
}

async function bind(
  app: Parameters<typeof agentOf>[0],
  invites: unknown,
  changes: object = {},
  method: 'put' | 'post' = 'put',
) {
  const body = { medium: 'email', address: 'bob@example.com', mxid: BOB, invites, ...changes };
  const { status, body: answer } = await agentOf(app)[method](PATH).send(body);
  return { status, body: answer };
}

const OK = { status: 200, body: {} };

function put(storage: MemoryStorage, type: string, state_key: string, content: JsonObject, sender = ALICE) {
  return storage.putState({ room_id: ROOM, type, state_key, sender, origin_server_ts: 1, content });
}

describe('an address that is bound', () => {
  it.each(['put', 'post'] as const)('becomes an invite of its user, by %s', async (method) => {
    const onInvite = vi.fn();
    const { app, storage, mailer, inviteByAddress } = await setUp({ onInvite });
    const signed = mailer.sign(await inviteByAddress(), BOB);
    expect(await bind(app, [inviteIn(signed)], {}, method)).toEqual(OK);
    expect(await memberOf(storage, BOB)).toMatchObject({
      sender: ALICE,
      content: { membership: 'invite', third_party_invite: { display_name: 'b…@e…', signed } },
    });
    await expect.poll(() => onInvite).toHaveBeenCalledTimes(1);
    expect(onInvite.mock.calls[0]?.[0]).toMatchObject({
      requester: { userId: ALICE },
      eventId: expect.any(String),
    });
  });

  it.each(range(12).map((index) => String(index + 1)))('does so in room version %s', async (version) => {
    const { app, storage, mailer, inviteByAddress } = await setUp({}, version);
    expect(await bind(app, [inviteIn(mailer.sign(await inviteByAddress(), BOB))])).toEqual(OK);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });

  it('is invited once, however often the identity server says so', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const signed = mailer.sign(await inviteByAddress(), BOB);
    const answers = await Promise.all(range(9).map(() => bind(app, [inviteIn(signed)])));
    expect(answers).toEqual(range(9).map(() => OK));
    const { events = [] } = (await storage.timeline(ROOM)) ?? {};
    expect(events.filter(({ state_key }) => state_key === BOB)).toHaveLength(1);
  });

  it('costs one check of its key, however often a request names its token', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const signed = mailer.sign(await inviteByAddress(), BOB);
    expect(
      await bind(
        app,
        range(50).map(() => inviteIn(signed)),
      ),
    ).toEqual(OK);
    expect(mailer.validityChecks).toHaveLength(1);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });

  it('costs one check of its key, however many invites were signed with it', async () => {
    const { app, storage, mailer, service } = await setUp();
    for (const index of range(9)) {
      await service.inviteByAddress({
        requester: { userId: ALICE },
        roomId: ROOM,
        idServer: 'id.example.org',
        idAccessToken: 'token',
        medium: 'email',
        address: `bob+${index}@example.com`,
      });
    }
    const invites = mailer.mails.map(({ token }) => inviteIn(mailer.sign(token, BOB)));
    expect(await bind(app, invites)).toEqual(OK);
    expect(mailer.validityChecks).toHaveLength(1);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });

  it('is invited by whoever completed the invite of somebody else', async () => {
    const { app, storage, mailer, service, inviteByAddress } = await setUp();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...parameters) => {
      await put(storage, 'm.room.member', ALICE, { membership: 'leave' });
      return storeInvite(...parameters);
    };
    await expect(inviteByAddress(ALICE)).rejects.toMatchObject({ status: 403 });
    const signed = mailer.sign(await inviteByAddress(CAROL), BOB);
    expect(mailer.mails).toHaveLength(1);
    expect(await bind(app, [inviteIn(signed, { sender: ALICE })])).toEqual(OK);
    expect(await memberOf(storage, BOB)).toMatchObject({ sender: CAROL, content: { membership: 'invite' } });
    await service.close();
  });

  it('is invited although the inviter has left since', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const signed = mailer.sign(await inviteByAddress(), BOB);
    await put(storage, 'm.room.member', ALICE, { membership: 'leave' });
    expect(await bind(app, [inviteIn(signed)])).toEqual(OK);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });
});

describe('what is refused for good', () => {
  const refusals: [string, (setup: Awaited<ReturnType<typeof setUp>>, signed: JsonObject) => unknown][] = [
    ['a user of another server', () => [inviteIn({}, {}), { mxid: '@bob:elsewhere.org' }]],
    ['an inviter of another server', (_, signed) => inviteIn(signed, { sender: '@alice:elsewhere.org' })],
    ['a number that no event can have', (_, signed) => inviteIn({ ...signed, unsigned: { age: 1.5 } })],
    ['an unknown room', (_, signed) => inviteIn(signed, { room_id: '!other:example.org' })],
    ['a changed token', (_, signed) => inviteIn({ ...signed, token: 'x' })],
    ['a changed user ID', (_, signed) => inviteIn({ ...signed, mxid: CAROL })],
    ['a changed field', (_, signed) => inviteIn({ ...signed, sender: CAROL })],
    ['no signature', ({ mailer: _ }, signed) => inviteIn({ ...signed, signatures: {} })],
    [
      'a signature of another key',
      ({ mailer: _ }, { token }) => inviteIn(new OwnMailer().sign(String(token), BOB)),
    ],
    ['no object as signed', () => inviteIn('signed' as never)],
    ['no room ID', (_, signed) => inviteIn(signed, { room_id: 7 })],
    ['nothing', () => null],
  ];

  it.each(refusals)('%s', async (_case, inviteOf) => {
    const setup = await setUp();
    const signed = setup.mailer.sign(await setup.inviteByAddress(), BOB);
    const made = inviteOf(setup, signed);
    const [invite, changes] = Array.isArray(made) ? made : [made, {}];
    expect(await bind(setup.app, [invite], changes)).toEqual(OK);
    expect(await memberOf(setup.storage, BOB)).toBeUndefined();
    expect(setup.mailer.validityChecks).toEqual([]);
  });

  it('more levels than JSON.stringify has a stack for', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const signed = mailer.sign(await inviteByAddress(), BOB);
    const body = { medium: 'email', address: 'bob@example.com', mxid: BOB, invites: [inviteIn(signed)] };
    const deep = `"unsigned":${'['.repeat(20_000)}${']'.repeat(20_000)},"mxid":`;
    const json = JSON.stringify(body).replace(/"mxid":(?=[^{]*"token")/, deep);
    expect(JSON.parse(json).invites[0].signed.unsigned).toBeInstanceOf(Array);
    const { status } = await agentOf(app).put(PATH).set('Content-Type', 'application/json').send(json);
    expect(status).toBe(200);
    expect(await memberOf(storage, BOB)).toBeUndefined();
  });

  it('a user who is banned, or joined', async () => {
    for (const membership of ['ban', 'join']) {
      const { app, storage, mailer, inviteByAddress } = await setUp();
      const signed = mailer.sign(await inviteByAddress(), BOB);
      await put(storage, 'm.room.member', BOB, { membership });
      expect(await bind(app, [inviteIn(signed)])).toEqual(OK);
      expect((await memberOf(storage, BOB))?.content).toEqual({ membership });
    }
  });

  it('a user who does not exist, or blocks invites', async () => {
    for (const users of [
      { exists: async () => false },
      { getAccountData: async () => ({ default_action: 'block' }) },
    ]) {
      const { app, storage, mailer, inviteByAddress } = await setUp({ users });
      const signed = mailer.sign(await inviteByAddress(), BOB);
      expect(await bind(app, [inviteIn(signed)])).toEqual(OK);
      expect(await memberOf(storage, BOB)).toBeUndefined();
    }
  });

  it('a key that is not valid any more', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const signed = mailer.sign(await inviteByAddress(), BOB);
    mailer.isValid = false;
    expect(await bind(app, [inviteIn(signed)])).toEqual(OK);
    expect(await memberOf(storage, BOB)).toBeUndefined();
  });

  it('further copies of an invite, which cost neither a read nor a signature check', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const invite = inviteIn(mailer.sign(await inviteByAddress(), BOB));
    const read = vi.spyOn(storage, 'readState');
    expect(
      await bind(
        app,
        range(20).map(() => invite),
      ),
    ).toEqual(OK);
    expect(read).toHaveBeenCalledTimes(1);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });

  it('one invite, without holding up the others', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const good = inviteIn(mailer.sign(await inviteByAddress(), BOB));
    expect(await bind(app, [null, inviteIn({}), good])).toEqual(OK);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });
});

describe('what may succeed later', () => {
  it('a key that cannot be checked is a 502, and the others are invited', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const signed = mailer.sign(await inviteByAddress(), BOB);
    mailer.isValid = new Error('down');
    expect(await bind(app, [inviteIn(signed)])).toMatchObject({
      status: 502,
      body: { errcode: 'M_UNKNOWN' },
    });
    expect(await memberOf(storage, BOB)).toBeUndefined();
    mailer.isValid = true;
    expect(await bind(app, [inviteIn(signed)])).toEqual(OK);
    expect(await memberOf(storage, BOB)).toBeDefined();
  });

  it('a store that fails is a 503', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp({ deadlineMs: 1_000 });
    const signed = mailer.sign(await inviteByAddress(), BOB);
    vi.spyOn(storage, 'readState').mockRejectedValue(
      Object.assign(new Error(), { code: 'ERR_STORAGE_UNAVAILABLE' }),
    );
    expect(await bind(app, [inviteIn(signed)])).toMatchObject({ status: 503 });
  });
});

describe('a body', () => {
  it.each([
    [{ mxid: undefined }, 'M_BAD_JSON'],
    [{ mxid: 'bob' }, 'M_INVALID_PARAM'],
    [{ invites: {} }, 'M_BAD_JSON'],
  ])('%j is a 400', async (changes, errcode) => {
    const { app } = await setUp();
    expect(await bind(app, [], changes)).toMatchObject({ status: 400, body: { errcode } });
  });

  it('without invites is a 200: sydent says so of every address', async () => {
    const { app } = await setUp();
    expect(await bind(app, undefined, {}, 'post')).toEqual(OK);
  });

  it('of more than 256 KiB is a 413', async () => {
    const { app } = await setUp();
    expect(await bind(app, ['x'.repeat(262_144)])).toMatchObject({ status: 413 });
  });

  it('by GET is a 405', async () => {
    const { app } = await setUp();
    const { status, headers } = await agentOf(app).get(PATH);
    expect([status, headers.allow]).toEqual([405, 'OPTIONS, PUT, POST']);
  });

  it('leaves no address and no reason to repeat it in the log', async () => {
    const { logger, lines } = recordingLogger();
    const all = { ...logger, debug: logger.warn, info: logger.warn };
    const { app, mailer, inviteByAddress } = await setUp({ logger: all });
    const signed = mailer.sign(await inviteByAddress(), BOB);
    await bind(app, [inviteIn(signed, { sender: CAROL })]);
    expect(lines.map(({ message }) => message)).toContain('Responded 200 to an onbind');
    expect(JSON.stringify(lines)).not.toMatch(/bob@|example\.com/);
  });
});

describe('a request with many invites', () => {
  /** A token event with as many keys as one can have, and an object that somebody else has signed. */
  async function costlyInvite(storage: MemoryStorage, roomId: string, token: string, sender = CAROL) {
    const keys = range(10).map(() => ({ public_key: new OwnMailer().publicKey }));
    const content = { public_keys: keys };
    const event = { room_id: roomId, type: 'm.room.third_party_invite', state_key: token, sender, content };
    await storage.putState({ ...event, origin_server_ts: 1 });
    const signature = Buffer.alloc(64, 1).toString('base64').replace(/=+$/, '');
    const signatures = { a: { 'ed25519:1': signature, 'ed25519:2': signature } };
    return inviteIn({ mxid: BOB, token, signatures }, { room_id: roomId, sender });
  }

  it('invites the user into each of their rooms', async () => {
    const { app, storage, mailer, service } = await setUp();
    const roomIds = range(80).map((index) => `!room${index}:example.org`);
    const invites = [];
    for (const roomId of roomIds) {
      await seedRoom(storage, { roomId });
      const [requester, idServer] = [{ userId: ALICE }, 'id.example.org'];
      const request = { requester, idServer, idAccessToken: 'token', medium: 'email' };
      await service.inviteByAddress({ ...request, roomId, address: 'bob@example.com' });
      const signed = mailer.sign(mailer.mails.at(-1)?.token ?? '', BOB);
      invites.push(inviteIn(signed, { room_id: roomId }));
    }
    expect(await bind(app, invites)).toEqual(OK);
    for (const roomId of roomIds) expect(await memberOf(storage, BOB, roomId)).toBeDefined();
  });

  it('reads each inviter’s first invite before the second of anybody', async () => {
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const good = inviteIn(mailer.sign(await inviteByAddress(), BOB));
    const flood = range(300).map((index) => inviteIn({ token: `t${index}`, mxid: BOB }, { sender: CAROL }));
    const read = vi.spyOn(storage, 'readState');
    expect(await bind(app, [...flood, good])).toEqual(OK);
    const tokens = read.mock.calls.map(
      ([, keys]) => keys.find(({ type }) => type.includes('third'))?.state_key,
    );
    expect(tokens).toHaveLength(301);
    expect(tokens.indexOf(String(good.signed.token))).toBeLessThan(2);
  });

  it('checks 1,000 signatures, and those of each inviter in turn', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { app, storage, mailer, inviteByAddress } = await setUp();
    const good = inviteIn(mailer.sign(await inviteByAddress(), BOB));
    const roomId = await seedRoom(storage, { roomId: '!other:example.org' });
    const costly = [];
    for (const index of range(51)) costly.push(await costlyInvite(storage, roomId, `t${index}`));
    expect(await bind(app, costly.slice(1))).toEqual(OK);
    expect(await bind(app, [])).toMatchObject({ status: 429 });
    vi.advanceTimersByTime(60_000);
    expect(await bind(app, [...costly, good])).toMatchObject({ status: 503 });
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });

  it('checks no signature of a user who is invited by now', async () => {
    const { app, storage } = await setUp();
    const costly = [];
    for (const index of range(60)) costly.push(await costlyInvite(storage, ROOM, `t${index}`));
    await put(storage, 'm.room.member', BOB, { membership: 'invite' });
    expect(await bind(app, costly)).toEqual(OK);
  });
});

describe('the work for one sender', () => {
  /** An app whose requests come from the address in a header, as with a proxy. */
  async function setUpSources() {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const storage = new MemoryStorage();
    const thirdParty = { identity: new OwnMailer(), pending: storage, secret };
    const router = createThirdPartyInviteRouter({
      serverName: 'example.org',
      storage,
      thirdParty,
      logger: silent,
    });
    const app = newApp();
    app.use('/_matrix/federation/v1', (request, response, next) => {
      Object.defineProperty(request, 'ip', { value: request.headers['x-source'] });
      router(request, response, next);
    });
    /** Sends a request that costs this much, and returns its status, or the seconds to wait. */
    const bindFrom = async (source: string, work: number) => {
      const body = { medium: 'email', address: 'bob@example.com', mxid: BOB, invites: range(9), filling: '' };
      // The invites are no objects, so they cost nothing. The request costs 1, and so does each KiB.
      body.filling = 'x'.repeat((work - 1) * 1_024);
      const { status, headers } = await agentOf(app).put(PATH).set('X-Source', source).send(body);
      return status === 429 ? Number(headers['retry-after']) : status;
    };
    return { bindFrom };
  }

  it('has to be made up for before the next request, and holds up nobody else', async () => {
    const { bindFrom } = await setUpSources();
    expect(await bindFrom('192.0.2.1', 200)).toBe(200);
    expect(await bindFrom('192.0.2.1', 1)).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(await bindFrom('192.0.2.1', 250)).toBe(200);
    // 400 is 201 too much, of which 50 are made up for in a second.
    expect(await bindFrom('192.0.2.1', 1)).toBe(5);
    expect(await bindFrom('::ffff:192.0.2.1', 1)).toBe(5);
    expect(await bindFrom('192.0.2.2', 200)).toBe(200);
    vi.advanceTimersByTime(4_000);
    expect(await bindFrom('192.0.2.1', 1)).toBe(1);
    vi.advanceTimersByTime(100);
    expect(await bindFrom('192.0.2.1', 1)).toBe(200);
  });

  it('is counted for a network of IPv6 as a whole', async () => {
    const { bindFrom } = await setUpSources();
    expect(await bindFrom('2001:db8::1', 250)).toBe(200);
    expect(await bindFrom('2001:db8:0:0:1::', 1)).toBe(2);
    expect(await bindFrom('2001:db8:0:1::1', 1)).toBe(200);
    expect(await bindFrom('::1', 1)).toBe(200);
  });

  it('is limited for all senders together, too', async () => {
    const { bindFrom } = await setUpSources();
    for (const index of range(20)) expect(await bindFrom(`192.0.2.${index}`, 250)).toBe(200);
    expect(await bindFrom('192.0.2.99', 1)).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(await bindFrom('192.0.2.99', 1)).toBe(200);
  });

  it('includes the invites', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { app } = await setUp();
    const invites = range(300).map((index) => inviteIn({ token: `t${index}` }, { room_id: '!o:a' }));
    const kibibytes = Buffer.byteLength(JSON.stringify(invites)) / 1_024;
    expect(kibibytes).toBeLessThan(100);
    expect(await bind(app, invites)).toEqual(OK);
    vi.advanceTimersByTime(2_000);
    expect(await bind(app, [])).toMatchObject({ status: 429 });
  });
});

describe('a revoked invite by address', () => {
  it('invites nobody, and the address can be invited again', async () => {
    const { app, service, storage, mailer, inviteByAddress } = await setUp();
    const token = await inviteByAddress();
    const revocation = { requester: { userId: ALICE }, roomId: ROOM, token };
    expect(await service.revokeAddressInvite(revocation)).toMatchObject({ outcome: 'revoked' });
    expect(await service.revokeAddressInvite(revocation)).toMatchObject({ outcome: 'alreadyRevoked' });
    expect(await bind(app, [inviteIn(mailer.sign(token, BOB))])).toEqual(OK);
    expect(await memberOf(storage, BOB)).toBeUndefined();

    const again = await inviteByAddress(CAROL);
    expect(again).not.toBe(token);
    expect(mailer.mails).toHaveLength(2);
    expect(await bind(app, [inviteIn(mailer.sign(again, BOB), { sender: CAROL })])).toEqual(OK);
    expect((await memberOf(storage, BOB))?.content.membership).toBe('invite');
  });

  it("is noticed when the host's own state endpoint revoked it", async () => {
    const { storage, mailer, inviteByAddress } = await setUp();
    await put(storage, 'm.room.third_party_invite', await inviteByAddress(), {});
    await inviteByAddress();
    expect(mailer.mails).toHaveLength(2);
  });

  it.each([
    ['an unknown token', { token: 'unknown' }, 404, 'M_NOT_FOUND'],
    ['an inviter outside the room', { requester: { userId: BOB } }, 403, 'M_FORBIDDEN'],
    ['an unknown room', { roomId: '!other:example.org' }, 403, 'M_FORBIDDEN'],
    ['no room', { roomId: 'room' }, 400, 'M_INVALID_PARAM'],
    ['a guest', { requester: { userId: ALICE, isGuest: true } }, 403, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['a suspended user', { requester: { userId: ALICE, isSuspended: true } }, 403, 'M_USER_SUSPENDED'],
  ])('is not revoked by %s', async (_case, changes, status, errcode) => {
    const { service, inviteByAddress } = await setUp();
    const revocation = {
      requester: { userId: ALICE },
      roomId: ROOM,
      token: await inviteByAddress(),
      ...changes,
    };
    await expect(service.revokeAddressInvite(revocation)).rejects.toMatchObject({ status, errcode });
  });
});
