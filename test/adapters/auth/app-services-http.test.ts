import type { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { describe, expect, it } from 'vitest';
import { firstOf } from '../../../adapters/auth/first-of.ts';
import type { AuthAdapter, InvitePolicy, Requester } from '../../../src/index.ts';
import {
  ALICE,
  BOB,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  limits,
  memberOf,
  seedRoom,
  send,
  setUp,
  silent,
  tokens,
} from '../../http/support.ts';
import { bridges, IRC_ALICE, IRC_BOT, IRC_TOKEN, SLACK_BOT, SLACK_TOKEN } from './app-services-support.ts';

type Query = Readonly<Record<string, string>>;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/**
 * Returns an app with a room that these users joined, and a function that invites, by default as the IRC
 * bridge.
 */
async function appOf(
  options: Parameters<typeof setUp>[0] = {},
  joined: readonly string[] = [IRC_BOT, IRC_ALICE, SLACK_BOT],
) {
  const { app, store } = setUp({ auth: bridges(), logger: silent, ...options });
  await seedRoom(store, { members: Object.fromEntries(joined.map((userId) => [userId, 'join'])) });
  return {
    store,
    ask: (query: Query = {}, invitee = BOB, headers: Query = bearer(IRC_TOKEN)) => {
      const encoded = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      const path = `${INVITE_PATH}?${encoded.join('&')}`;
      return send(app, { path, headers, body: { user_id: invitee } });
    },
  };
}

describe('an application service can invite', () => {
  it('as its sender, with its token in the header', async () => {
    const { ask, store } = await appOf();
    expectInvited(await ask());
    expect(await memberOf(store, BOB)).toMatchObject({ sender: IRC_BOT });
  });

  it('as its sender, with its token in the query', async () => {
    const { ask, store } = await appOf();
    expectInvited(await ask({ access_token: IRC_TOKEN }, BOB, {}));
    expect(await memberOf(store, BOB)).toMatchObject({ sender: IRC_BOT });
  });

  it.each(['header', 'query'])('as the user that it asserts, with its token in the %s', async (place) => {
    const { ask, store } = await appOf();
    const inQuery = place === 'query';
    const query = { user_id: IRC_ALICE, ...(inQuery ? { access_token: IRC_TOKEN } : {}) };
    expectInvited(await ask(query, BOB, inQuery ? {} : bearer(IRC_TOKEN)));
    expect(await memberOf(store, BOB)).toMatchObject({ sender: IRC_ALICE });
  });

  it.each(['a b', 'a+b', 'a%20b', 'a&user_id=b', 'a#b', 'a/b?c', 'ü💬', '', '"\'\\<>', '@b', '\u0001'])(
    'as a user with unusual characters: %j',
    async (name) => {
      const userId = `@_irc_${name}:example.org`;
      const { ask, store } = await appOf({}, [userId]);
      expectInvited(await ask({ user_id: userId }));
      expect(await memberOf(store, BOB)).toMatchObject({ sender: userId });
    },
  );

  it('from a device of the user', async () => {
    const { ask } = await appOf({
      auth: bridges({ deviceExists: async (userId, id) => userId === IRC_ALICE && id === 'A B+C' }),
    });
    expectInvited(await ask({ user_id: IRC_ALICE, device_id: 'A B+C' }));
  });

  it('alongside users with their own tokens, who cannot assert anyone', async () => {
    const auth: AuthAdapter<Requester> = firstOf(bridges(), tokens);
    const { ask, store } = await appOf({ auth });
    expectInvited(await ask({ user_id: IRC_ALICE }, BOB, bearer('alice-token')));
    expect(await memberOf(store, BOB)).toMatchObject({ sender: ALICE });
    expectInvited(await ask({ user_id: IRC_ALICE }, '@dave:example.org'));
    expect(await memberOf(store, '@dave:example.org')).toMatchObject({ sender: IRC_ALICE });
    expectRefusal(await ask({}, BOB, bearer('nobody')), 401, 'M_UNKNOWN_TOKEN');
  });

  it('and policies see which application service it is', async () => {
    const seen: unknown[] = [];
    const policy: InvitePolicy = {
      name: 'watch',
      decide: ({ requester }) => {
        seen.push(requester);
        return undefined;
      },
    };
    const { ask } = await appOf({ policies: [policy] });
    expectInvited(await ask({ user_id: IRC_ALICE }));
    expect(seen).toEqual([{ userId: IRC_ALICE, appServiceId: 'irc', isRateLimitExempt: false }]);
  });
});

describe('an application service is rejected', () => {
  const failing = bridges({
    userExists: () => Promise.reject(new Error('down')),
    deviceExists: () => Promise.reject(new Error('down')),
  });
  const unregistered = bridges({ userExists: async () => false });

  it.each([
    ['outside its namespace', bridges(), { user_id: ALICE }, 403, 'M_FORBIDDEN'],
    ['on another server', bridges(), { user_id: '@_irc_alice:evil.example' }, 403, 'M_FORBIDDEN'],
    ['for a malformed user ID', bridges(), { user_id: '_irc_alice' }, 403, 'M_FORBIDDEN'],
    ['for an empty user ID', bridges(), { user_id: '' }, 403, 'M_FORBIDDEN'],
    ['for a user who is not registered', unregistered, { user_id: IRC_ALICE }, 403, 'M_FORBIDDEN'],
    ['for an unknown device', bridges(), { device_id: 'NOWHERE' }, 400, 'M_UNKNOWN_DEVICE'],
    ['for an empty device', bridges(), { device_id: '' }, 400, 'M_UNKNOWN_DEVICE'],
    ['if users cannot be looked up', failing, { user_id: IRC_ALICE }, 503, 'M_UNKNOWN'],
    ['if devices cannot be looked up', failing, { device_id: 'BOTDEVICE' }, 503, 'M_UNKNOWN'],
  ])('%s', async (_what, auth, query, status, errcode) => {
    const { ask, store } = await appOf({ auth });
    expectRefusal(await ask(query), status, errcode);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('with a 401 for another token', async () => {
    const { ask } = await appOf();
    expectRefusal(await ask({ user_id: IRC_ALICE }, BOB, bearer('nobody')), 401, 'M_UNKNOWN_TOKEN');
    expectRefusal(await ask({}, BOB, bearer('hs-token-of-irc')), 401, 'M_UNKNOWN_TOKEN');
  });
});

describe('rate limits', () => {
  const invitees = Array.from({ length: 8 }, (_, index) => `@guest${index}:example.org`);
  const statusesOf = async (rateLimit: MemoryRateLimit, query: Query, token: string) => {
    const { ask } = await appOf({ rateLimit }, [IRC_BOT, IRC_ALICE, SLACK_BOT, '@_slack_bob:example.org']);
    const responses = await Promise.all(invitees.map((invitee) => ask(query, invitee, bearer(token))));
    return responses.map(({ status }) => status).sort();
  };

  it('apply to the users of an application service', async () => {
    const statuses = await statusesOf(limits(3), { user_id: IRC_ALICE }, IRC_TOKEN);
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
  });

  it('do not apply to its sender', async () => {
    const statuses = await statusesOf(limits(1, 1), {}, IRC_TOKEN);
    expect(statuses).toEqual(invitees.map(() => 200));
  });

  it('apply to nobody with rate_limited: false', async () => {
    const queries: Query[] = [{}, { user_id: '@_slack_bob:example.org' }];
    for (const query of queries) {
      const statuses = await statusesOf(limits(1, 1), query, SLACK_TOKEN);
      expect(statuses).toEqual(invitees.map(() => 200));
    }
  });
});
