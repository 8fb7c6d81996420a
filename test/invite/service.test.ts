import { createInviteService, type InviteRequest, type Requester } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, invitesOf, memberOf, ROOM, seedRoom } from '../http/support.ts';
import { aliceInvitesBob, around, putMember, refusalOf, serviceOn, watched } from './support.ts';

async function seededService(options: Parameters<typeof serviceOn>[0] = {}) {
  const { service, store } = serviceOn(options);
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return { service, store };
}

describe('an invite without HTTP', () => {
  it('is stored, and resolves with its event ID', async () => {
    const { service, store } = await seededService();
    const result = await service.invite({ ...aliceInvitesBob, reason: 'Welcome' });
    const member = await memberOf(store, BOB);
    expect(result).toEqual({ outcome: 'invited', eventId: member?.event_id });
    expect(member).toMatchObject({ sender: ALICE, content: { membership: 'invite', reason: 'Welcome' } });
  });

  it('is stored once: a second one resolves with the first event ID', async () => {
    const { service, store } = await seededService();
    const first = await service.invite(aliceInvitesBob);
    const second = await service.invite({
      ...aliceInvitesBob,
      requester: { userId: CAROL },
      reason: 'again',
    });
    expect(second).toEqual({ ...first, outcome: 'alreadyInvited' });
    expect(await invitesOf(store, BOB)).toBe(1);
  });

  it('is stored once if many race', async () => {
    const { service, store } = await seededService();
    const results = await Promise.all(Array.from({ length: 50 }, () => service.invite(aliceInvitesBob)));
    expect(results.filter(({ outcome }) => outcome === 'invited')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'alreadyInvited')).toHaveLength(49);
    expect(await invitesOf(store, BOB)).toBe(1);
  });

  it('has no reason if none was passed, and keeps an empty one', async () => {
    const { service, store } = await seededService();
    await service.invite(aliceInvitesBob);
    await service.invite({ ...aliceInvitesBob, userId: '@dave:example.org', reason: '' });
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
    expect((await memberOf(store, '@dave:example.org'))?.content).toEqual({
      membership: 'invite',
      reason: '',
    });
  });

  it('consumes all limits except attempt', async () => {
    const limit = watched(new MemoryRateLimit());
    const { service } = await seededService({ rateLimit: limit });
    await service.invite(aliceInvitesBob);
    expect(limit.consumed.flat().map(({ scope }) => scope)).toEqual(['inviter', 'room', 'invitee']);
  });

  it('fills in the trace that it receives', async () => {
    const { service } = await seededService();
    const trace = { tries: 0 };
    await refusalOf(service.invite({ ...aliceInvitesBob, userId: CAROL }, trace));
    expect(trace).toEqual({ tries: 1, reason: 'inviteeJoined' });
  });

  it('can be as large as the maximum event size, and no larger', async () => {
    const { service, store } = await seededService();
    const { retryAfterMs: _none, ...refused } = await refusalOf(
      service.invite({ ...aliceInvitesBob, reason: 'x'.repeat(65_536) }),
    );
    expect(refused).toMatchObject({ status: 413, errcode: 'M_TOO_LARGE' });
    await service.invite({ ...aliceInvitesBob, reason: '' });
    const { event_id: _id, ...event } = (await memberOf(store, BOB)) ?? {};
    const space = 65_536 - Buffer.byteLength(JSON.stringify(event));
    await store.putState({
      ...aliceInvitesBob,
      room_id: ROOM,
      type: 'm.room.member',
      state_key: BOB,
      sender: BOB,
      origin_server_ts: 1,
      content: { membership: 'leave' },
    });
    // The maximum is in bytes, not in characters.
    const full = `${'ä'.repeat(Math.floor(space / 2))}${space % 2 === 1 ? 'x' : ''}`;
    expect(await refusalOf(service.invite({ ...aliceInvitesBob, reason: `${full}x` }))).toMatchObject({
      status: 413,
    });
    expect(await service.invite({ ...aliceInvitesBob, reason: full })).toMatchObject({ outcome: 'invited' });
  });
});

describe('an invalid invite', () => {
  const badIds = [
    undefined,
    null,
    7,
    '',
    'bob',
    '@bob',
    '#bob:example.org',
    '@b\0b:example.org',
    `@${'b'.repeat(250)}:example.org`,
  ];

  it.each(badIds)('rejects with a MatrixError for the user ID %j', async (userId) => {
    const { service } = await seededService();
    const error = await refusalOf(service.invite({ ...aliceInvitesBob, userId: userId as string }));
    expect(error).toMatchObject({ status: 400, errcode: 'M_INVALID_PARAM' });
  });

  it.each([undefined, {}, '', '!', 'room', '#room:example.org', `!${'r'.repeat(255)}`])(
    'rejects with a MatrixError for the room ID %j',
    async (roomId) => {
      const { service } = await seededService();
      const error = await refusalOf(service.invite({ ...aliceInvitesBob, roomId: roomId as string }));
      expect(error).toMatchObject({ status: 400, errcode: 'M_INVALID_PARAM' });
    },
  );

  it.each([7, null, ['x'], 'lone \ud800'])('rejects with a MatrixError for the reason %j', async (reason) => {
    const { service } = await seededService();
    const error = await refusalOf(service.invite({ ...aliceInvitesBob, reason: reason as string }));
    expect(error).toMatchObject({ status: 400, errcode: 'M_BAD_JSON' });
  });

  it('does not call the store', async () => {
    const storage = around(new MemoryStorage());
    const { service } = serviceOn({ storage });
    await refusalOf(service.invite({ ...aliceInvitesBob, userId: 'bob' }));
    expect(storage.calls.readState).toBe(0);
  });
});

describe('a requester', () => {
  it.each<[string, Requester, number, string]>([
    ['who is a guest', { userId: ALICE, isGuest: true }, 403, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['who is suspended', { userId: ALICE, isSuspended: true }, 403, 'M_USER_SUSPENDED'],
    ['of another server', { userId: '@alice:elsewhere.org' }, 403, 'M_FORBIDDEN'],
    ['of another port', { userId: '@alice:example.org:8448' }, 403, 'M_FORBIDDEN'],
    ['without a full user ID', { userId: 'alice' }, 500, 'M_UNKNOWN'],
    ['without any user ID', {} as Requester, 500, 'M_UNKNOWN'],
  ])('%s cannot invite, even if joined to the room', async (_case, requester, status, errcode) => {
    const { service, store } = await seededService();
    await putMember(store, requester.userId ?? '', 'join', requester.userId);
    const error = await refusalOf(service.invite({ ...aliceInvitesBob, requester }));
    expect(error).toMatchObject({ status, errcode });
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('can invite if the flags are false', async () => {
    const { service } = await seededService();
    const requester = { userId: ALICE, isGuest: false, isSuspended: false };
    expect(await service.invite({ ...aliceInvitesBob, requester })).toMatchObject({ outcome: 'invited' });
  });
});

describe('a store', () => {
  it('without event IDs is supported', async () => {
    const store = new MemoryStorage();
    await seedRoom(store, { members: { [BOB]: 'invite' } });
    const storage = around(store, {
      async readState(read) {
        const snapshot = await read();
        return (
          snapshot && { ...snapshot, events: snapshot.events.map(({ event_id: _id, ...event }) => event) }
        );
      },
    });
    const { service } = serviceOn({ storage });
    expect(await service.invite(aliceInvitesBob)).toEqual({ outcome: 'alreadyInvited', eventId: undefined });
    expect(await service.invite({ ...aliceInvitesBob, userId: CAROL })).toMatchObject({ outcome: 'invited' });
  });

  it('that returns a room without its create event leads to a 500', async () => {
    const store = new MemoryStorage();
    await store.createRoom({ roomId: ROOM, state: [] });
    const { service } = serviceOn({ storage: store });
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 500,
      message: 'Internal server error',
      cause: { message: expect.stringContaining('m.room.create') },
    });
  });

  it('receives its own revision unchanged', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const revision = Symbol('revision');
    const revisions: unknown[] = [];
    const storage = around(store, {
      async readState(read) {
        const snapshot = await read();
        return snapshot && { ...snapshot, revision };
      },
      appendEvent(append, _count, _event, _context, basis) {
        revisions.push(basis.revision);
        return append();
      },
    });
    await serviceOn({ storage }).service.invite(aliceInvitesBob);
    expect(revisions).toEqual([revision]);
  });
});

describe('the types', () => {
  it('require the fields of an invite', async () => {
    const service = createInviteService({
      serverName: 'example.org',
      storage: new MemoryStorage(),
      rateLimit: false,
    });
    const request: InviteRequest = aliceInvitesBob;
    // @ts-expect-error the room ID is missing
    const wrong = () => service.invite({ requester: request.requester, userId: BOB });
    await expect(wrong()).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' });
  });
});
