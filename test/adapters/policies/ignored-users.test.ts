import type { UserDirectory } from 'express-matrix-invite';
import { ignoredUsers } from 'express-matrix-invite/policies/ignored-users';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, ROOM } from '../../http/support.ts';
import { appWith, expectAllowed, itFailsClosed, sendInvite } from './support.ts';

const TYPE = 'm.ignored_user_list';

/** A policy with account data as a host app could have stored it. */
const ignoring = (content: unknown) =>
  ignoredUsers({ users: { getAccountData: async () => content as undefined } });

describe('ignoredUsers', () => {
  it('drops invites from users whom the invitee ignores: 200, and no event', async () => {
    const host = await appWith(ignoring({ ignored_users: { [ALICE]: {} } }));
    const before = await host.store.timeline(ROOM);
    expect(await sendInvite(host)).toEqual({ status: 200, body: {} });
    expect(await host.store.timeline(ROOM)).toEqual(before);
    expect(host.outcomes).toMatchObject([{ status: 200, outcome: 'dropped', policy: 'ignoredUsers' }]);
    expect(host.faults()).toEqual([]);
  });

  it("calls a method of the router's own users with the invitee", async () => {
    class Users implements UserDirectory {
      readonly calls: unknown[] = [];
      async getAccountData(...args: unknown[]) {
        this.calls.push(args);
        return args[1] === TYPE ? { ignored_users: { [ALICE]: {} } } : undefined;
      }
    }
    const users = new Users();
    const seen: UserDirectory = users;
    const host = await appWith(ignoredUsers({ users: seen }), { users });
    expect(await sendInvite(host)).toEqual({ status: 200, body: {} });
    expect(host.outcomes).toMatchObject([{ outcome: 'dropped' }]);
    expect(users.calls.at(-1)).toEqual([BOB, TYPE, { signal: expect.any(AbortSignal) }]);
  });

  it('reads the keys and ignores their values', async () => {
    const host = await appWith(ignoring({ ignored_users: { [ALICE]: null } }));
    await sendInvite(host);
    expect(host.outcomes).toMatchObject([{ outcome: 'dropped' }]);
  });

  it.each([
    [undefined],
    [null],
    [{}],
    [[]],
    [{ ignored_users: null }],
    [{ ignored_users: ALICE }],
    [{ ignored_users: [ALICE] }],
    [{ ignored_users: {} }],
    [{ ignored_users: { [CAROL]: {}, [BOB]: {} } }],
    [{ ignored_users: { '@Alice:example.org': {} } }],
    [{ ignored_users: Object.create({ [ALICE]: {} }) }],
    [{ users: { [ALICE]: {} } }],
  ])('drops nothing for %j', async (content) => {
    await expectAllowed(await appWith(ignoring(content)));
  });

  itFailsClosed('getAccountData', (getAccountData) => ignoredUsers({ users: { getAccountData } }), [
    JSON.stringify({ ignored_users: { [ALICE]: {} } }),
    true,
    5,
  ]);

  it.each([
    [{}, 'option "users" is required: an object with the method getAccountData'],
    [
      { users: { exists: async () => true } },
      'option "users" must be an object with the method getAccountData',
    ],
    [{ getAccountData: async () => undefined }, 'unknown option "getAccountData"; allowed: users'],
  ])('rejects %j', (options, error) => {
    expect(() => ignoredUsers(options as never)).toThrow(new TypeError(`ignoredUsers: ${error}`));
  });
});
