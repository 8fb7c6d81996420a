import { protectedUsers } from 'express-matrix-invite/policies/protected-users';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL } from '../../http/support.ts';
import { appWith, expectAllowed, expectRefused, itFailsClosed, itRefusesAsConfigured } from './support.ts';

const PROTECTED = 'This user cannot be invited';

describe('protectedUsers', () => {
  itRefusesAsConfigured('protectedUsers', PROTECTED, (options) =>
    protectedUsers({ users: [BOB], ...options }),
  );
  itFailsClosed('users', (users) => protectedUsers({ users }));
  itFailsClosed('allow', (allow) => protectedUsers({ users: [BOB], allow }));

  it('lets other users be invited, and does not call allow for them', async () => {
    const allow = () => expect.fail('nothing to allow');
    await expectAllowed(await appWith(protectedUsers({ users: [CAROL, '@Bob:example.org'], allow })));
  });

  it('calls a function with the invitee', async () => {
    const calls: unknown[] = [];
    const users = async (...args: unknown[]) => calls.push(args) > 0;
    await expectRefused(await appWith(protectedUsers({ users })), PROTECTED);
    expect(calls).toEqual([[BOB, { signal: expect.any(AbortSignal) }]]);
    await expectAllowed(await appWith(protectedUsers({ users: (id) => id === CAROL })));
  });

  it('lets requesters invite for whom allow returns true', async () => {
    const calls: unknown[] = [];
    const allow = async (...args: unknown[]) => calls.push(args) > 0;
    await expectAllowed(await appWith(protectedUsers({ users: [BOB], allow })));
    expect(calls).toEqual([[{ userId: ALICE }, BOB, { signal: expect.any(AbortSignal) }]]);
    const nobody = protectedUsers({ users: [BOB], allow: ({ userId }) => userId !== ALICE });
    await expectRefused(await appWith(nobody), PROTECTED);
  });

  it.each([[['bob']], [['#cats:example.org']], [[null]]])(
    'rejects a list with anything but user IDs: %j',
    (users) => {
      expect(() => protectedUsers({ users: users as string[] })).toThrow(
        new TypeError('protectedUsers: users must only contain IDs such as "@user:example.org"'),
      );
    },
  );

  it('requires users, and checks functions', () => {
    // @ts-expect-error required
    expect(() => protectedUsers({})).toThrow(
      new TypeError('protectedUsers: option "users" is required: a list of IDs, or a function'),
    );
    expect(() => protectedUsers({ users: BOB })).toThrow(
      new TypeError('protectedUsers: option "users" must be a list of IDs, or a function'),
    );
    // @ts-expect-error not a function
    expect(() => protectedUsers({ users: [], allow: [ALICE] })).toThrow(
      new TypeError('protectedUsers: option "allow" must be a function'),
    );
  });
});
