import type { UserDirectory } from 'express-matrix-invite';
import { ignoredUsers } from 'express-matrix-invite/policies/ignored-users';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, ROOM } from '../../http/support.ts';
import { appWith, ask, expectAllowed, itFailsClosed } from './support.ts';

const TYPE = 'm.ignored_user_list';

/** A policy on account data as a host's table may have it. */
const ignoring = (content: unknown) =>
  ignoredUsers({ users: { getAccountData: async () => content as undefined } });

describe('ignoredUsers', () => {
  it('drops the invite of whom the invitee ignores: 200, and no event', async () => {
    const host = await appWith(ignoring({ ignored_users: { [ALICE]: {} } }));
    const before = await host.store.timeline(ROOM);
    expect(await ask(host)).toEqual({ status: 200, body: {} });
    expect(await host.store.timeline(ROOM)).toEqual(before);
    expect(host.outcomes).toMatchObject([{ status: 200, outcome: 'dropped', policy: 'ignoredUsers' }]);
    expect(host.faults()).toEqual([]);
  });

  it("asks the router's own users, as an object with methods, about the invitee", async () => {
    class Users implements UserDirectory {
      readonly asked: unknown[] = [];
      async getAccountData(...args: unknown[]) {
        this.asked.push(args);
        return args[1] === TYPE ? { ignored_users: { [ALICE]: {} } } : undefined;
      }
    }
    const users = new Users();
    const seen: UserDirectory = users;
    const host = await appWith(ignoredUsers({ users: seen }), { users });
    expect(await ask(host)).toEqual({ status: 200, body: {} });
    expect(host.outcomes).toMatchObject([{ outcome: 'dropped' }]);
    expect(users.asked.at(-1)).toEqual([BOB, TYPE, { signal: expect.any(AbortSignal) }]);
  });

  it('reads the keys, whatever stands under them', async () => {
    const host = await appWith(ignoring({ ignored_users: { [ALICE]: null } }));
    await ask(host);
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
    [{}, 'option "users" is required: an object with getAccountData'],
    [{ users: { exists: async () => true } }, 'option "users" must be an object with getAccountData'],
    [{ getAccountData: async () => undefined }, 'unknown option "getAccountData"; allowed: users'],
  ])('takes no %j', (options, error) => {
    expect(() => ignoredUsers(options as never)).toThrow(new TypeError(`ignoredUsers: ${error}`));
  });
});
