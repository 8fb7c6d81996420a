import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, invite, invitesOf, MALLORY, memberOf, ROOM, seedRoom, setUp } from './support.ts';

describe('an invite', () => {
  it('gets an empty object in response, and is in the room', async () => {
    const { app, store } = setUp();
    await seedRoom(store);
    const response = await invite(app, { body: { user_id: BOB, reason: 'Welcome' } });
    expect(response.status).toBe(200);
    expect(response.body).toEqual({});
    expect(await memberOf(store, BOB)).toMatchObject({
      room_id: ROOM,
      sender: ALICE,
      content: { membership: 'invite', reason: 'Welcome' },
      origin_server_ts: expect.closeTo(Date.now(), -4),
    });
  });

  it('uses nothing of the body except user_id and reason', async () => {
    const { app, store } = setUp();
    await seedRoom(store);
    await invite(app, {
      body: { user_id: BOB, membership: 'join', is_direct: true, displayname: 'x', content: { a: 1 } },
    });
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
  });

  it('is not stored twice: a second one gets a 200 and changes nothing', async () => {
    const { app, store } = setUp();
    await seedRoom(store, { members: { [CAROL]: 'join' } });
    await invite(app);
    const first = await memberOf(store, BOB);
    expect((await invite(app, { body: { user_id: BOB, reason: 'again' } })).status).toBe(200);
    expect((await invite(app, { token: 'carol-token' })).status).toBe(200);
    expect(await memberOf(store, BOB)).toEqual(first);
    expect(await invitesOf(store, BOB)).toBe(1);
  });

  it.each(['leave', 'knock'])('is possible after a %s', async (membership) => {
    const { app, store } = setUp();
    await seedRoom(store, { members: { [BOB]: membership } });
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content.membership).toBe('invite');
  });
});

describe('the rules of the room', () => {
  const refusals = [
    ['an unknown room', { roomId: '!other:example.org' }, {}, 403, 'M_FORBIDDEN'],
    ['an inviter outside the room', {}, { token: 'mallory-token' }, 403, 'M_FORBIDDEN'],
    ['an invitee who is banned', { members: { [BOB]: 'ban' } }, {}, 403, 'M_FORBIDDEN'],
    ['an invitee who is joined', { members: { [BOB]: 'join' } }, {}, 403, 'M_FORBIDDEN'],
    ['a self-invite', {}, { body: { user_id: ALICE } }, 403, 'M_FORBIDDEN'],
    ['too little power', { powerLevels: { invite: 50, users: { [ALICE]: 49 } } }, {}, 403, 'M_FORBIDDEN'],
    ['an unreadable power level', { powerLevels: { invite: '50' } }, {}, 403, 'M_FORBIDDEN'],
    ['an unknown room version', { version: '__proto__' }, {}, 400, 'M_UNSUPPORTED_ROOM_VERSION'],
    ['a user of another server', {}, { body: { user_id: '@bob:elsewhere.org' } }, 403, 'M_FORBIDDEN'],
  ] as const;

  it.each(refusals)('refuse %s', async (_case, seed, request, status, errcode) => {
    const { app, store } = setUp({ logger: silent });
    await seedRoom(store, seed);
    const before = await store.timeline(ROOM);
    const response = await invite(app, request);
    expect([response.status, response.body.errcode]).toEqual([status, errcode]);
    expect(await store.timeline(ROOM)).toEqual(before);
  });

  it('do not reveal whether a room exists to a user outside it', async () => {
    const { app, store } = setUp();
    await seedRoom(store, { version: 'no such version' });
    const outside = await invite(app, { token: 'mallory-token' });
    const unknown = await invite(app, { token: 'mallory-token', roomId: '!none:example.org' });
    expect(outside.body).toEqual(unknown.body);
    expect(await memberOf(store, MALLORY)).toBeUndefined();
  });
});

const silent = { debug() {}, info() {}, warn() {}, error() {} };
