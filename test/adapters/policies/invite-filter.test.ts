import type { InviteRouterOptions, UserDirectory } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import {
  INVITE_FILTER_TYPES,
  type InviteFilterOptions,
  inviteFilter,
} from 'express-matrix-invite/policies/invite-filter';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/rooms/event.ts';
import { ALICE, BOB, invite, invitesOf, ROOM, seedRoom, setUp } from '../../http/support.ts';
import { recordedLogger } from '../../invite/support.ts';
import { appWith, sendInvite } from './support.ts';

const STABLE = 'm.invite_permission_config';
const UNSTABLE = 'org.matrix.msc4155.invite_permission_config';
const BLOCKED = { errcode: 'M_INVITE_BLOCKED', error: 'The user does not take invites from you' };

/** The account data of Bob, with the calls for it. A class, because a method needs the right `this`. */
class Directory implements UserDirectory {
  readonly calls: string[] = [];
  readonly #data: Readonly<Record<string, unknown>>;

  constructor(data: Readonly<Record<string, unknown>>) {
    this.#data = data;
  }

  async getAccountData(userId: string, type: string): Promise<JsonObject | undefined> {
    this.calls.push(`${userId} ${type}`);
    return this.#data[type] as JsonObject | undefined;
  }
}

type Case = {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly options?: Partial<InviteFilterOptions>;
  readonly router?: Partial<InviteRouterOptions>;
  readonly inviter?: string;
};

/** Lets Alice, or another inviter, invite Bob. */
async function inviteBob({ data = {}, options = {}, router = {}, inviter = ALICE }: Case) {
  const users = new Directory(data);
  const logger = recordedLogger();
  const { app, store } = setUp({
    serverName: ['example.org', inviter.slice(inviter.indexOf(':') + 1)],
    auth: staticTokens({ 'alice-token': inviter }),
    policies: [inviteFilter({ users, ...options })],
    logger,
    ...router,
  });
  await seedRoom(store, { members: { [inviter]: 'join' } });
  const response = await invite(app);
  const invited = await invitesOf(store, BOB);
  return { response, invited, calls: users.calls, logger };
}

/** Returns what a filter of Bob's does with an invite. */
async function resultOf(filter: Readonly<Record<string, unknown>>, inviter?: string): Promise<string> {
  const { response, invited } = await inviteBob({ data: { [UNSTABLE]: filter }, inviter });
  if (response.status === 403) {
    expect([response.body, invited]).toEqual([BLOCKED, 0]);
    return 'blocked';
  }
  expect([response.status, response.body]).toEqual([200, {}]);
  return invited === 1 ? 'allowed' : 'dropped';
}

describe('inviteFilter', () => {
  it.each<[string, Record<string, JsonValue>]>([
    ['allowed', {}],
    ['allowed', { allowed_users: [ALICE] }],
    ['dropped', { ignored_users: [ALICE] }],
    ['blocked', { blocked_users: [ALICE] }],
    ['allowed', { allowed_servers: ['example.org'] }],
    ['dropped', { ignored_servers: ['example.org'] }],
    ['blocked', { blocked_servers: ['example.org'] }],
    ['allowed', { blocked_users: [BOB], ignored_users: ['@mallory:*'], blocked_servers: ['other.org'] }],
    ['blocked', { blocked_users: ['@mallory:*', '@a*e:example.???'] }],
    ['allowed', { enabled: false, blocked_servers: ['*'], ignored_users: ['*'] }],
    ['blocked', { enabled: true, blocked_servers: ['*'] }],
  ])('%s by %j', async (expected, filter) => {
    expect(await resultOf(filter)).toBe(expected);
  });

  it.each([
    ['allowed_users', 'ignored_users', 'allowed'],
    ['ignored_users', 'blocked_users', 'dropped'],
    ['blocked_users', 'allowed_servers', 'blocked'],
    ['allowed_servers', 'ignored_servers', 'allowed'],
    ['ignored_servers', 'blocked_servers', 'dropped'],
  ])('checks %s before %s', async (first, second, expected) => {
    expect(await resultOf({ [second]: ['*'], [first]: ['*'] })).toBe(expected);
  });

  it.each([
    ['blocked', { blocked_servers: ['evil.org'] }, '@alice:evil.org:8448'],
    ['allowed', { blocked_servers: ['evil.org:8448'] }, '@alice:evil.org:8448'],
    ['blocked', { blocked_servers: ['[2001:db8::1]'] }, '@alice:[2001:db8::1]:8448'],
    ['blocked', { blocked_servers: ['[2001:db8::1]'] }, '@alice:[2001:db8::1]'],
    ['allowed', { blocked_users: ['@alice:evil.org'] }, '@alice:evil.org:8448'],
    ['blocked', { blocked_users: ['@alice:evil.org:8448'] }, '@alice:evil.org:8448'],
    ['allowed', { blocked_servers: ['evil.org'] }, '@alice:sub.evil.org'],
    ['blocked', { blocked_servers: ['*.evil.org'] }, '@alice:sub.evil.org'],
    ['allowed', { blocked_servers: ['@alice:evil.org'] }, '@alice:evil.org'],
    ['allowed', { blocked_users: ['evil.org'] }, '@alice:evil.org'],
  ])(
    'matches user globs against IDs, and server globs against names without a port: %s by %j',
    async (expected, filter, inviter) => {
      expect(await resultOf(filter, inviter)).toBe(expected);
    },
  );

  it.each([
    ['blocked', { blocked_servers: ['EVIL.org'] }, '@alice:evil.ORG'],
    ['blocked', { blocked_users: ['@SPAM*:evil.org'] }, '@spammer:EVIL.org'],
    ['blocked', { blocked_users: ['@?:evil.org'] }, '@İ:evil.org'],
    ['blocked', { blocked_users: ['@?:evil.org'] }, '@😀:evil.org'],
    ['allowed', { blocked_users: ['@??:evil.org'] }, '@😀:evil.org'],
  ])(
    'ignores the case of A to Z, and matches exactly one character with ?: %s by %j',
    async (expected, filter, inviter) => {
      expect(await resultOf(filter, inviter)).toBe(expected);
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['allowed', { blocked_users: ALICE }],
    ['allowed', { blocked_users: { 0: ALICE, length: 1 } }],
    ['allowed', { blocked_users: null, blocked_servers: 5 }],
    [
      'blocked',
      { ignored_users: 'x', allowed_users: null, blocked_users: [null, 7, [ALICE], {}, '', ALICE] },
    ],
    ['allowed', { allowed_users: [], blocked_users: [[ALICE], { glob: ALICE }, true] }],
    ['blocked', { enabled: 'no', blocked_users: [ALICE] }],
    ['blocked', { enabled: null, blocked_users: [ALICE] }],
    ['blocked', { blocked_users: ['*'.repeat(255)] }],
    ['allowed', { blocked_users: ['*'.repeat(256)] }],
    ['blocked', { blocked_users: ['*'.repeat(256), ALICE] }],
  ])('treats malformed fields as missing: %s by %j', async (expected, filter) => {
    expect(await resultOf(filter)).toBe(expected);
  });

  it('matches 65,536 characters of globs with a star, and any number of other globs', async () => {
    const glob = `*${'x'.repeat(127)}`;
    const full = Array<string>(512).fill(glob);
    expect(await resultOf({ blocked_users: [...full.slice(1), '*'] })).toBe('blocked');
    expect(await resultOf({ blocked_users: [...full, '*'] })).toBe('allowed');
    expect(await resultOf({ allowed_users: full, blocked_servers: ['*'] })).toBe('allowed');
    expect(await resultOf({ allowed_users: full, blocked_servers: ['example.org'] })).toBe('blocked');
    const others = Array<string>(5_000).fill('@somebody-else:example.com');
    expect(await resultOf({ blocked_users: [...others, ALICE] })).toBe('blocked');
  });

  it('responds as configured', async () => {
    const users = new Directory({ [STABLE]: { blocked_users: [ALICE] } });
    const refusal = { status: 451, errcode: 'ORG.MATRIX.MSC4155.M_INVITE_BLOCKED', message: 'Not from you' };
    const host = await appWith(inviteFilter({ users, ...refusal }));
    expect(await sendInvite(host)).toEqual({
      status: 451,
      body: { errcode: 'ORG.MATRIX.MSC4155.M_INVITE_BLOCKED', error: 'Not from you' },
    });
    expect(host.outcomes).toMatchObject([{ policy: 'inviteFilter' }]);
  });
});

describe('the account data of inviteFilter', () => {
  const block = { blocked_users: [ALICE] };

  it('is read with the stable type, then with the unstable one, and the first filter decides', async () => {
    expect(INVITE_FILTER_TYPES).toEqual([STABLE, UNSTABLE]);
    const both = await inviteBob({ data: { [STABLE]: block, [UNSTABLE]: {} } });
    expect([both.response.status, both.calls]).toEqual([403, [`${BOB} ${STABLE}`]]);
    const second = await inviteBob({ data: { [UNSTABLE]: block } });
    expect([second.response.status, second.calls]).toEqual([403, [`${BOB} ${STABLE}`, `${BOB} ${UNSTABLE}`]]);
    const off = await inviteBob({ data: { [STABLE]: { enabled: false }, [UNSTABLE]: block } });
    expect([off.response.status, off.invited, off.calls]).toEqual([200, 1, [`${BOB} ${STABLE}`]]);
  });

  it.each([null, {}, [], { default_action: 'allow' }, { blocked: [ALICE] }])(
    'without a filter is skipped: %j',
    async (data) => {
      const { response } = await inviteBob({ data: { [STABLE]: data, [UNSTABLE]: block } });
      expect(response.status).toBe(403);
    },
  );

  it('is read with the configured types, copied when the policy is created', async () => {
    const types = ['org.example.a', 'org.example.b'];
    const users = new Directory({ 'org.example.b': block, [STABLE]: block });
    const policy = inviteFilter({ users, types });
    types.length = 0;
    const { app, store } = setUp({ policies: [policy] });
    await seedRoom(store);
    expect((await invite(app)).status).toBe(403);
    expect(users.calls).toEqual([`${BOB} org.example.a`, `${BOB} org.example.b`]);
  });

  it('is read after the default_action that the router itself checks', async () => {
    const data = { [STABLE]: { default_action: 'block', allowed_users: [ALICE] } };
    const { response, calls } = await inviteBob({ data, router: { users: new Directory(data) } });
    expect([response.status, response.body.errcode, calls]).toEqual([403, 'M_INVITE_BLOCKED', []]);
  });

  it.each<[string, UserDirectory['getAccountData']]>([
    ['rejects', () => Promise.reject(new Error('The database is down'))],
    ['returns JSON as a string', async () => '{"blocked_users":[]}' as unknown as JsonObject],
    ['returns a number', async () => 1 as unknown as JsonObject],
  ])('refuses the invite if getAccountData %s', async (_case, getAccountData) => {
    const { response, invited, logger } = await inviteBob({ options: { users: { getAccountData } } });
    expect([response.status, response.body, invited]).toEqual([
      403,
      { errcode: 'M_FORBIDDEN', error: 'The invite could not be checked' },
      0,
    ]);
    expect(logger.lines).toMatchObject([{ level: 'error', details: { policy: 'inviteFilter' } }]);
  });

  it('is read with the deadline of the request', async () => {
    const contexts: unknown[] = [];
    const users: UserDirectory = {
      async getAccountData(_userId, _type, context) {
        contexts.push(context);
        return undefined;
      },
    };
    const state = { roomId: ROOM, keys: [], events: [], revision: undefined };
    const context = { signal: new AbortController().signal };
    const request = { requester: { userId: ALICE }, roomId: ROOM, userId: BOB, state };
    expect(await inviteFilter({ users }).decide(request, context)).toBe(undefined);
    expect(contexts).toEqual([context, context]);
  });
});

describe('the options of inviteFilter', () => {
  const users = new Directory({});
  it.each<[string, object]>([
    ['option "users" is required', {}],
    ['option "users" must be an object with the method getAccountData', { users: {} }],
    ['option "types" must be a non-empty list of account data types', { users, types: STABLE }],
    ['option "types" must be', { users, types: [] }],
    ['option "types" must be', { users, types: [''] }],
    ['option "types" must be', { users, types: [5] }],
    ['option "status" must be', { users, status: 200 }],
    ['option "errcode" must be', { users, errcode: '' }],
    ['option "message" must be', { users, message: 5 }],
    ['unknown option "type"; allowed: users, types, status, errcode, message', { users, type: STABLE }],
  ])('%s', (message, options) => {
    const make = () => inviteFilter(options as InviteFilterOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(`inviteFilter: ${message}`);
  });
});
