import { createInviteService, StorageUnavailableError } from 'express-matrix-invite';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { matrixFederation } from '../../../adapters/federation/matrix.ts';
import { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import { eventIdOf, hasValidContentHash, pduFault, verifyPdu } from '../../../src/pdu/index.ts';
import { fieldOf } from '../../../src/rooms/content.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { ROOM_VERSIONS } from '../../../src/rooms/room-version.ts';
import { range } from '../../../src/testing/random.ts';
import { deferred, never, refusalOf } from '../../invite/support.ts';
import { type InboxAnswer, newSigner } from '../../support/federation-inbox.ts';
import { ALICE, CAROL, createRoom, inboxNamed, network, SIGNER, setUp } from './matrix-support.ts';

const VERSIONS = [...ROOM_VERSIONS.keys()];

describe.each(VERSIONS)('in room version %s', (roomVersion) => {
  it('an invite is sent, accepted and stored with the signatures of both servers', async () => {
    const { inbox, invite, invites, roomId, dave, trace } = await setUp({ roomVersion });
    const result = await invite();
    const [event, ...others] = await invites();
    const [received] = inbox.received;
    expect(others).toEqual([]);
    if (event === undefined || received === undefined) return expect.fail('nothing arrived');
    expect(pduFault(event, roomVersion)).toBeUndefined();
    expect(hasValidContentHash(event, roomVersion)).toBe(true);
    for (const { serverName, keyId, publicKey } of [SIGNER, inbox.signer]) {
      const keys = new Map([[keyId, publicKey]]);
      expect(verifyPdu(event, roomVersion, serverName, keys)).toBe('valid');
    }
    const eventId = eventIdOf(event, roomVersion);
    expect(result).toEqual({ outcome: 'invited', eventId });
    expect(received).toMatchObject({
      api: 'v2',
      roomVersion,
      eventId,
      event: { room_id: roomId, state_key: dave },
    });
    expect(received.target).toBe(
      `/_matrix/federation/v2/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`,
    );
    const shown = received.inviteRoomState;
    const types = Array.isArray(shown) ? shown.map((each) => String(fieldOf(each, 'type'))) : [];
    expect(types.sort()).toEqual(['m.room.create', 'm.room.join_rules', 'm.room.member', 'm.room.name']);
    for (const each of Array.isArray(shown) ? shown : []) {
      expect(pduFault(each, roomVersion)).toBeUndefined();
    }
    expect(trace).toMatchObject({ remoteServer: inbox.name, remoteStatus: 200 });
    expect(await invite()).toMatchObject({ outcome: 'alreadyInvited' });
    expect(inbox.received).toHaveLength(1);
  });

  it('a blocked inviter and an unsupported version are refused', async () => {
    const { inbox, invite, invites } = await setUp({ roomVersion });
    inbox.respond = () => ({ status: 403, body: { errcode: 'M_INVITE_BLOCKED', error: 'No' } });
    expect(await refusalOf(invite())).toMatchObject({ status: 403, errcode: 'M_INVITE_BLOCKED' });
    inbox.respond = () => ({
      status: 400,
      body: { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', error: 'No', room_version: roomVersion },
    });
    expect(await refusalOf(invite())).toMatchObject({ status: 400, errcode: 'M_UNSUPPORTED_ROOM_VERSION' });
    expect(await invites()).toEqual([]);
  });
});

describe('before anybody is asked', () => {
  const acl = (content: JsonObject) => [{ type: 'm.room.server_acl', content }];

  it.each([
    ['a room that is not open to other servers', { createContent: { 'm.federate': false } }],
    ['a server that the ACL denies', { state: acl({ allow: ['*'], deny: ['TWO.test'] }) }],
    ['an ACL that allows nobody', { state: acl({}) }],
    ['a server that the host denies', { options: { servers: { deny: ['two.*'] } } }],
    ['a server that the host does not allow', { options: { servers: { allow: ['*.example'] } } }],
  ])('%s is a 403', async (_title, given) => {
    const { inbox, invite, invites, rateLimit } = await setUp(given);
    expect(await refusalOf(invite())).toMatchObject({ status: 403, errcode: 'M_FORBIDDEN' });
    expect(inbox.targets).toEqual([]);
    expect(await invites()).toEqual([]);
    expect(rateLimit.consumed.flat().map(({ scope }) => scope)).not.toContain('invitee');
  });

  it('a room whose events are no PDUs is a 403', async () => {
    const { inbox, rooms, service, dave } = await setUp();
    const by = { sender: ALICE, origin_server_ts: 1 };
    const roomId = '!local:one.test';
    await rooms.createRoom({
      roomId,
      state: [
        { ...by, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
        { ...by, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
      ],
    });
    const invite = { requester: { userId: ALICE }, roomId };
    expect(await refusalOf(service.invite({ ...invite, userId: dave }))).toMatchObject({ status: 403 });
    expect(inbox.targets).toEqual([]);
    expect(await service.invite({ ...invite, userId: CAROL })).toMatchObject({ outcome: 'invited' });
  });

  it('a dry run says so', async () => {
    const { inbox, service, roomId, dave } = await setUp();
    const forecast = await service.check({ requester: { userId: ALICE }, roomId, userId: dave });
    expect(forecast).toMatchObject({ remote: 'notAsked' });
    expect(inbox.targets).toEqual([]);
  });

  it.each(['127.0.0.2', '[::1]', '[::ffff:127.0.0.2]', 'localhost', 'two.test'])(
    'no packet goes to %s, unless the host allows its address',
    async (host) => {
      const { inbox, invite } = await setUp({ options: { allowAddresses: [] } });
      expect(await refusalOf(invite(`@dave:${host}:${inbox.port}`))).toMatchObject({ status: 502 });
      expect(inbox.connections).toBe(0);
    },
  );

  it('users of this server are invited as before', async () => {
    const { inbox, invite, invites } = await setUp();
    expect(await invite(CAROL)).toMatchObject({ outcome: 'invited' });
    expect(await invites(CAROL)).toHaveLength(1);
    expect(inbox.targets).toEqual([]);
  });
});

describe('a room whose topic has as many levels as an event may have', () => {
  it.each(['1', '12'])('gets its invites without the topic, in room version %s', async (roomVersion) => {
    const { inbox, rooms, roomId, invite, invites } = await setUp({ roomVersion });
    inbox.respond = ({ api }, accept) =>
      api === 'v2' && roomVersion === '1' ? { status: 404, body: '' } : accept();
    const by = { room_id: roomId, state_key: '', sender: ALICE, origin_server_ts: Date.now() };
    const levels = JSON.parse(`${'['.repeat(198)}${']'.repeat(198)}`);
    await rooms.putState({ ...by, type: 'm.room.topic', content: { topic: 'Deep', levels } });
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(await invites()).toHaveLength(1);
    expect(JSON.stringify(inbox.received.at(-1)?.inviteRoomState)).not.toContain('Deep');
  });
});

describe("while the invitee's server thinks", () => {
  /** Makes the inbox wait for a gate. */
  async function waiting(given?: Parameters<typeof setUp>[0]) {
    const world = await setUp(given);
    const gate = deferred();
    world.inbox.respond = async (_invite, accept): Promise<InboxAnswer> => {
      await gate.promise;
      return accept();
    };
    const untilAsked = (count = 1) =>
      vi.waitFor(() => expect(world.inbox.received).toHaveLength(count), { timeout: 60_000 });
    return { ...world, open: gate.resolve, untilAsked };
  }

  it("the room's other invites go on", async () => {
    const { invite, invites, open, untilAsked } = await waiting();
    const remote = invite();
    await untilAsked();
    for (const userId of range(10).map((index) => `@carol${index}:one.test`)) {
      expect(await invite(userId)).toMatchObject({ outcome: 'invited' });
    }
    expect(await invites()).toEqual([]);
    open();
    expect(await remote).toMatchObject({ outcome: 'invited' });
  });

  it('it is not resumed as well', async () => {
    const { inbox, invite, service, open, untilAsked } = await waiting();
    const remote = invite();
    await untilAsked();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    open();
    expect(await remote).toMatchObject({ outcome: 'invited' });
    expect(inbox.received).toHaveLength(1);
  });

  it('and other members of the room change, nobody is asked twice', async () => {
    const { inbox, invite, invites, rooms, roomId, open, untilAsked } = await waiting();
    const remote = invite();
    await untilAsked();
    const name = {
      room_id: roomId,
      type: 'm.room.name',
      state_key: '',
      sender: ALICE,
      content: { name: 'Dogs' },
    };
    await rooms.putState({ ...name, origin_server_ts: Date.now() });
    const acl = { ...name, type: 'm.room.server_acl', content: { allow: ['*'] } };
    await rooms.putState({ ...acl, origin_server_ts: Date.now() });
    open();
    expect(await remote).toMatchObject({ outcome: 'invited' });
    expect(inbox.received).toHaveLength(1);
    expect(await invites()).toHaveLength(1);
  });

  it('and the power levels change, it is asked about the event that follows from them', async () => {
    const { inbox, invite, invites, rooms, roomId, open, untilAsked } = await waiting();
    const remote = invite();
    await untilAsked();
    const levels = { room_id: roomId, type: 'm.room.power_levels', state_key: '', sender: ALICE };
    await rooms.putState({
      ...levels,
      origin_server_ts: Date.now(),
      content: { users: {}, invite: 0, ban: 60 },
    });
    open();
    const result = await remote;
    expect(inbox.received).toHaveLength(2);
    const [event, ...others] = await invites();
    expect(others).toEqual([]);
    expect(result).toEqual({ outcome: 'invited', eventId: inbox.received[1]?.eventId });
    expect(event?.hashes).toEqual(inbox.received[1]?.event.hashes);
  });

  it('and the inviter is kicked, the invite is a 403 and is given up', async () => {
    const { federation, invite, invites, rooms, roomId, open, untilAsked } = await waiting();
    const remote = refusalOf(invite());
    await untilAsked();
    const kick = { room_id: roomId, type: 'm.room.member', state_key: ALICE, sender: ALICE };
    await rooms.putState({ ...kick, origin_server_ts: Date.now(), content: { membership: 'leave' } });
    open();
    expect(await remote).toMatchObject({ status: 403, errcode: 'M_FORBIDDEN' });
    expect(await invites()).toEqual([]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    await expect
      .poll(async () => {
        const left = [];
        for await (const each of federation.unfinished?.({ signal: AbortSignal.timeout(60_000) }) ?? []) {
          left.push(each);
        }
        return left;
      })
      .toEqual([]);
  });

  it('equal requests share one exchange and one event', async () => {
    const { inbox, invite, invites, open, untilAsked } = await waiting();
    const results = range(10).map(() => invite());
    await untilAsked();
    open();
    const outcomes = await Promise.all(results);
    const ids = outcomes.map((result) => ('eventId' in result ? result.eventId : undefined));
    expect(new Set(ids.filter((id) => id !== undefined))).toEqual(new Set([inbox.received[0]?.eventId]));
    expect(inbox.invites.size).toBe(1);
    expect(await invites()).toHaveLength(1);
  });

  it('another member invites the same user: the room has one invite', async () => {
    const { invite, invites, rooms, roomId, open, untilAsked, dave } = await waiting();
    const join = { room_id: roomId, type: 'm.room.member', state_key: CAROL, sender: CAROL };
    await rooms.putState({ ...join, origin_server_ts: Date.now(), content: { membership: 'join' } });
    const both = [invite(), invite(dave, CAROL)];
    await untilAsked(2);
    open();
    const outcomes = await Promise.all(both);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['alreadyInvited', 'invited']);
    expect(await invites()).toHaveLength(1);
  });

  it('as many invites as allowed are under way at once', async () => {
    const { invite, open, untilAsked, inbox } = await waiting({
      options: { maxRequestsPerServer: 32 },
    });
    const results = range(32).map((index) => invite(`@dave${index}:${inbox.name}`));
    await untilAsked(32);
    open();
    for (const result of results) expect(await result).toMatchObject({ outcome: 'invited' });
  });

  it('one invite too many is a 503 that says when to try again, and costs nothing', async () => {
    const { invite, open, untilAsked, inbox, rateLimit, federation } = await waiting();
    const results = range(4).map((index) => invite(`@dave${index}:${inbox.name}`));
    await untilAsked(4);
    const error = await refusalOf(invite());
    expect(error).toMatchObject({ status: 503, errcode: 'M_UNKNOWN', retryAfterMs: 2_000 });
    expect(rateLimit.refunded).toHaveLength(1);
    expect(inbox.received).toHaveLength(4);
    open();
    await Promise.all(results);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    for await (const left of federation.unfinished?.({ signal: AbortSignal.timeout(60_000) }) ?? []) {
      expect.fail(JSON.stringify(left));
    }
  });
});

describe('what is found', () => {
  it('by a well-known document is where the invite goes', async () => {
    const { inbox, invite, invites, dave } = await setUp({ inboxName: 'two.test' });
    expect(dave).toBe('@dave:two.test');
    await invite();
    const [event] = await invites();
    expect(Object.keys(event?.signatures ?? {})).toEqual(['one.test', 'two.test']);
    expect(inbox.targets).toContain('/.well-known/matrix/server');
  });
});

describe('invites that were not completed', () => {
  it('are given up after an hour', async () => {
    const { inbox, invite, service, invites, federation } = await setUp();
    inbox.respond = () => 'hang-up';
    await refusalOf(invite());
    inbox.respond = (_invite, accept) => accept();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    expect(await invites()).toEqual([]);
    vi.setSystemTime(Date.now() - 1_800_000);
    for await (const left of federation.unfinished?.({ signal: AbortSignal.timeout(60_000) }) ?? []) {
      expect.fail(JSON.stringify(left));
    }
  });

  it('are all resumed, however many', async () => {
    const { inbox, invite, service, rooms, roomId } = await setUp();
    inbox.respond = () => ({ status: 500, body: '' });
    const users = range(130).map((index) => `@dave${index}:${inbox.name}`);
    for (const userId of users) await refusalOf(invite(userId));
    expect(inbox.received).toHaveLength(users.length);
    inbox.respond = (_invite, accept) => accept();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await service.resume()).toEqual({ completed: users.length, abandoned: 0, failed: 0 });
    expect(inbox.invites.size).toBe(users.length);
    const state = (await rooms.roomState(roomId)) ?? [];
    expect(state.filter(({ content }) => content.membership === 'invite')).toHaveLength(users.length);
  });

  it('are given up if they were signed with a former key', async () => {
    const { inbox, invite, rooms, service, roomId, dave, invites } = await setUp();
    inbox.respond = () => 'hang-up';
    await refusalOf(invite());
    inbox.respond = (_invite, accept) => accept();
    const renewed = newSigner('one.test', 'ed25519:b_2');
    const federation = matrixFederation({ signer: renewed, rooms, ...(await network()).options });
    const later = createInviteService({
      serverName: 'one.test',
      storage: rooms,
      rateLimit: false,
      federation,
    });
    onTestFinished(() => later.close());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await later.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    expect([await invites(), dave, roomId]).toEqual([[], dave, roomId]);
  });
});

it('works with a graph that has neither discard nor unfinished', async () => {
  const inbox = await inboxNamed('two.test:0');
  const store = new MemoryGraphStorage({ signer: SIGNER });
  const roomId = await createRoom(store);
  const federation = matrixFederation({
    signer: SIGNER,
    rooms: {
      build: (...call) => store.build(...call),
      append: (...call) => store.append(...call),
      hasJoinedMember: (...call) => store.hasJoinedMember(...call),
    },
    ...(await network()).options,
  });
  const service = createInviteService({
    serverName: 'one.test',
    storage: store,
    rateLimit: false,
    federation,
  });
  onTestFinished(() => service.close());
  const userId = `@dave:${inbox.name}`;
  const invite = () => service.invite({ requester: { userId: ALICE }, roomId, userId });
  inbox.respond = () => ({ status: 403, body: {} });
  expect(await refusalOf(invite())).toMatchObject({ status: 403 });
  inbox.respond = (_invite, accept) => accept();
  expect(await invite()).toMatchObject({ outcome: 'invited' });
  expect(await service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
});

describe('a key store', () => {
  const read = async () => undefined;
  const write = async () => {};

  it('that fails is a 503, and nobody is asked again in the same request', async () => {
    for (const error of [new Error('down'), new StorageUnavailableError('down', { isNotStored: true })]) {
      const keyStore = { read: () => Promise.reject(error), write };
      const { inbox, invite, invites } = await setUp({ options: { keyStore } });
      expect(await refusalOf(invite())).toMatchObject({ status: 503, errcode: 'M_UNKNOWN' });
      expect(inbox.received).toHaveLength(1);
      expect(await invites()).toEqual([]);
    }
  });

  it('that could not write is asked again at once: it is not the fault of the other server', async () => {
    const failures = [new Error('down'), new Error('down')];
    const keyStore = {
      read,
      write: async () => {
        const failure = failures.pop();
        if (failure !== undefined) throw failure;
      },
    };
    const { inbox, invite, invites } = await setUp({ options: { keyStore } });
    for (const _ of range(2)) expect(await refusalOf(invite())).toMatchObject({ status: 503 });
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(await invites()).toHaveLength(1);
    expect(inbox.invites.size).toBe(1);
  });

  it('that never responds stops no later request', async () => {
    const reads = [never<undefined>];
    const keyStore = { read: () => (reads.pop() ?? read)(), write };
    const { inbox, invite, invites } = await setUp({ options: { keyStore } });
    expect(await refusalOf(invite())).toMatchObject({ status: 503, errcode: 'M_UNKNOWN' });
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(await invites()).toHaveLength(1);
    expect(inbox.invites.size).toBe(1);
  });
});
