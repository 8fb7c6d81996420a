import type { JsonObject, Profile, UserDirectory } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, invite, invitesOf, memberOf, ROOM, seedRoom, setUp } from '../http/support.ts';
import { aliceInvitesBob, around, recordedLogger, serviceOn } from './support.ts';

async function appWith(users: UserDirectory, policies = {}) {
  const logger = recordedLogger();
  const { app, store } = setUp({ users, logger, ...policies });
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return { app, store, logger };
}

describe('an invitee', () => {
  it.each<[string, unknown]>([
    ['false', false],
    ['undefined', undefined],
    ['1', 1],
  ])('who does not exist is refused with 403: exists returns %s', async (_case, result) => {
    const { app, store } = await appWith({ exists: async () => result as boolean });
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([
      403,
      { errcode: 'M_FORBIDDEN', error: 'No such user exists on this server' },
    ]);
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('who exists is invited', async () => {
    const calls: string[] = [];
    const { app, store } = await appWith({
      async exists(userId) {
        calls.push(userId);
        return true;
      },
    });
    expect((await invite(app)).status).toBe(200);
    expect(calls).toEqual([BOB]);
    expect(await invitesOf(store, BOB)).toBe(1);
  });
});

describe('the profile in an invite', () => {
  const profiles: Record<string, Profile> = {
    [ALICE]: { displayname: 'Alice', avatar_url: 'mxc://example.org/alice' },
    [BOB]: { displayname: 'Bob \u0000 💬', avatar_url: 'mxc://example.org/bob' },
  };

  it("is the invitee's, never the inviter's", async () => {
    const { app, store } = await appWith({ getProfile: async (userId) => profiles[userId] });
    await invite(app, { body: { user_id: BOB, reason: 'Welcome' } });
    expect((await memberOf(store, BOB))?.content).toEqual({
      membership: 'invite',
      reason: 'Welcome',
      ...profiles[BOB],
    });
  });

  const malformed: [name: string, profile: unknown, kept: JsonObject][] = [
    ['is missing', undefined, {}],
    ['is null', null, {}],
    ['is empty', {}, {}],
    ['is a string', 'Bob', {}],
    [
      'has a display name with a lone surrogate',
      { displayname: 'Bob \ud800', avatar_url: 'mxc://example.org/b' },
      { avatar_url: 'mxc://example.org/b' },
    ],
    [
      'has an https avatar',
      { displayname: 'Bob', avatar_url: 'https://example.org/b.png' },
      { displayname: 'Bob' },
    ],
    ['has an avatar with a lone surrogate', { avatar_url: 'mxc://example.org/\udc00' }, {}],
    ['has fields of other types', { displayname: 7, avatar_url: ['mxc://example.org/b'] }, {}],
    ['has null fields', { displayname: null, avatar_url: null }, {}],
    ['is too large for an event', { displayname: 'B'.repeat(65_536) }, {}],
    ['has an empty display name', { displayname: '' }, { displayname: '' }],
    [
      'has further fields',
      { displayname: 'Bob', membership: 'join', reason: 'x', 'm.tz': 'UTC' },
      { displayname: 'Bob' },
    ],
  ];
  it.each(malformed)('keeps only its valid fields if it %s', async (_case, profile, kept) => {
    const { app, store, logger } = await appWith({ getProfile: async () => profile as Profile });
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite', ...kept });
    expect(logger.lines).toEqual([]);
  });

  it.each<[string, () => Promise<Profile>]>([
    ['rejects', () => Promise.reject(new Error('profiles are down'))],
    [
      'throws',
      () => {
        throw new Error('profiles are down');
      },
    ],
  ])('is left out, and that is logged, if getProfile %s', async (_case, getProfile) => {
    const { app, store, logger } = await appWith({ getProfile });
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
    expect(logger.lines).toMatchObject([
      { level: 'warn', details: { err: { message: 'profiles are down' } } },
    ]);
  });
});

describe("the invitee's m.invite_permission_config", () => {
  it.each<[string, JsonObject | undefined, number]>([
    ['block', { default_action: 'block' }, 403],
    ['block, with other fields', { default_action: 'block', x: 1 }, 403],
    ['no account data', undefined, 200],
    ['an empty object', {}, 200],
    ['allow', { default_action: 'allow' }, 200],
    ['another case', { default_action: 'Block' }, 200],
    ['trailing whitespace', { default_action: 'block ' }, 200],
    ['an array', { default_action: ['block'] }, 200],
    ['true', { default_action: true }, 200],
    ['another key', { block: true }, 200],
  ])('decides: %s', async (_case, config, status) => {
    const calls: string[][] = [];
    const { app, store } = await appWith({
      async getAccountData(userId, type) {
        calls.push([userId, type]);
        return config;
      },
    });
    const response = await invite(app);
    expect(response.status).toBe(status);
    expect(response.body.errcode).toBe(status === 403 ? 'M_INVITE_BLOCKED' : undefined);
    expect(calls).toEqual([[BOB, 'm.invite_permission_config']]);
    expect(await invitesOf(store, BOB)).toBe(status === 200 ? 1 : 0);
  });

  it('also decides for a pending invite', async () => {
    let config: JsonObject = {};
    const { app, store } = await appWith({ getAccountData: async () => config });
    expect((await invite(app)).status).toBe(200);
    config = { default_action: 'block' };
    const response = await invite(app);
    expect([response.status, response.body.errcode]).toEqual([403, 'M_INVITE_BLOCKED']);
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
  });
});

describe('a user directory that fails', () => {
  it.each(['exists', 'getAccountData'])('leads to a 503: %s', async (name) => {
    const { app, store, logger } = await appWith({
      [name]: () => Promise.reject(new Error('users are down')),
    });
    const response = await invite(app);
    expect([response.status, response.body.errcode, response.headers['retry-after']]).toEqual([
      503,
      'M_UNKNOWN',
      '1',
    ]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(logger.lines).toMatchObject([{ level: 'warn', details: { err: { message: 'users are down' } } }]);
  });
});

describe('the order of an invite', () => {
  /** Creates a service that records its calls to the host app. */
  function recording() {
    const calls: string[] = [];
    const record = <T>(name: string, value: T): T => {
      calls.push(name);
      return value;
    };
    const store = new MemoryStorage();
    const { service } = serviceOn({
      storage: around(store, {
        readState: (read) => record('readState', read()),
        appendEvent: (append) => record('appendEvent', append()),
      }),
      users: {
        exists: async () => record('exists', true),
        getProfile: async () => record('getProfile', {}),
        getAccountData: async () => record('getAccountData', undefined),
      },
      policies: [{ name: 'note', decide: () => record('policy', undefined) }],
      rateLimit: {
        consume: async () => record('consume', { allowed: true, receipt: 0 }),
        refund: async () => record('refund', undefined),
      },
      onInvite: () => record('onInvite', undefined),
    });
    return { calls, service, store };
  }

  it('is rules, blocking, existence, policies, limits, profile, append', async () => {
    const { calls, service, store } = recording();
    await seedRoom(store);
    await service.invite(aliceInvitesBob);
    await service.close();
    expect(calls).toEqual([
      'readState',
      'getAccountData',
      'exists',
      'policy',
      'consume',
      'getProfile',
      'appendEvent',
      'onInvite',
    ]);
  });

  it('ends with blocking if an invite is pending', async () => {
    const { calls, service, store } = recording();
    await seedRoom(store, { members: { [BOB]: 'invite' } });
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'alreadyInvited' });
    expect(calls).toEqual(['readState', 'getAccountData']);
  });

  it.each([
    ['is joined', CAROL],
    ['belongs to another server', '@bob:elsewhere.org'],
  ])('ends with the rules for a user who %s', async (_case, userId) => {
    const { calls, service, store } = recording();
    await seedRoom(store, { members: { [CAROL]: 'join' } });
    await expect(service.invite({ ...aliceInvitesBob, userId })).rejects.toMatchObject({ status: 403 });
    expect(calls).toEqual(['readState']);
  });

  it('has the profile read once, even if the room changes', async () => {
    const profiles: string[] = [];
    const store = new MemoryStorage();
    await seedRoom(store);
    const { service } = serviceOn({
      storage: around(store, {
        appendEvent: async (append, count) => (count === 1 ? { outcome: 'stale' } : append()),
      }),
      users: {
        async getProfile(userId) {
          profiles.push(userId);
          return {};
        },
      },
    });
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'invited' });
    expect(profiles).toEqual([BOB]);
    expect(await invitesOf(store, BOB, ROOM)).toBe(1);
  });
});
