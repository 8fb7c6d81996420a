import { protectedUsers } from 'express-matrix-invite/policies/protected-users';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL } from '../../http/support.ts';
import { appWith, expectAllowed, expectRefused, itFailsClosed, itRefusesAsTold } from './support.ts';

const PROTECTED = 'This user cannot be invited';

describe('protectedUsers', () => {
  itRefusesAsTold('protectedUsers', PROTECTED, (options) => protectedUsers({ users: [BOB], ...options }));
  itFailsClosed('users', (users) => protectedUsers({ users }));
  itFailsClosed('allow', (allow) => protectedUsers({ users: [BOB], allow }));

  it('lets others be invited, and asks nobody about them', async () => {
    const allow = () => expect.fail('nothing to allow');
    await expectAllowed(await appWith(protectedUsers({ users: [CAROL, '@Bob:example.org'], allow })));
  });

  it('asks a function about the invitee', async () => {
    const asked: unknown[] = [];
    const users = async (...args: unknown[]) => asked.push(args) > 0;
    await expectRefused(await appWith(protectedUsers({ users })), PROTECTED);
    expect(asked).toEqual([[BOB, { signal: expect.any(AbortSignal) }]]);
    await expectAllowed(await appWith(protectedUsers({ users: (id) => id === CAROL })));
  });

  it('lets those invite whom allow says', async () => {
    const asked: unknown[] = [];
    const allow = async (...args: unknown[]) => asked.push(args) > 0;
    await expectAllowed(await appWith(protectedUsers({ users: [BOB], allow })));
    expect(asked).toEqual([[{ userId: ALICE }, BOB, { signal: expect.any(AbortSignal) }]]);
    const nobody = protectedUsers({ users: [BOB], allow: ({ userId }) => userId !== ALICE });
    await expectRefused(await appWith(nobody), PROTECTED);
  });

  it.each([[['bob']], [['#cats:example.org']], [[null]]])(
    'takes no list with what is no user id: %j',
    (users) => {
      expect(() => protectedUsers({ users: users as string[] })).toThrow(
        new TypeError('protectedUsers: users must have ids such as "@user:example.org" only'),
      );
    },
  );

  it('needs users, and functions', () => {
    // @ts-expect-error they are required
    expect(() => protectedUsers({})).toThrow(
      new TypeError('protectedUsers: option "users" is required: a list of ids, or a function'),
    );
    expect(() => protectedUsers({ users: BOB })).toThrow(
      new TypeError('protectedUsers: option "users" must be a list of ids, or a function'),
    );
    // @ts-expect-error it is no function
    expect(() => protectedUsers({ users: [], allow: [ALICE] })).toThrow(
      new TypeError('protectedUsers: option "allow" must be a function'),
    );
  });
});
