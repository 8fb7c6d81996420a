import { createInviteRouter, type Requester } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { adminsOnly } from 'express-matrix-invite/policies/admins-only';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE } from '../../http/support.ts';
import { appWith, expectAllowed, itFailsClosed, itRefusesAsConfigured } from './support.ts';

describe('adminsOnly', () => {
  itRefusesAsConfigured('adminsOnly', 'Only administrators may invite', (options) =>
    adminsOnly({ isAdmin: () => false, ...options }),
  );
  itFailsClosed('isAdmin', (isAdmin) => adminsOnly({ isAdmin }));

  it('lets administrators invite, and calls isAdmin with the inviter', async () => {
    const calls: unknown[] = [];
    const isAdmin = async (...args: unknown[]) => calls.push(args) > 0;
    await expectAllowed(await appWith(adminsOnly({ isAdmin })));
    expect(calls).toEqual([[{ userId: ALICE }, { signal: expect.any(AbortSignal) }]]);
  });

  it('also accepts a boolean without a promise', async () => {
    await expectAllowed(await appWith(adminsOnly({ isAdmin: ({ userId }) => userId === ALICE })));
  });

  it('requires isAdmin', () => {
    // @ts-expect-error required
    expect(() => adminsOnly({})).toThrow(
      new TypeError('adminsOnly: option "isAdmin" is required: a function'),
    );
    // @ts-expect-error not a function
    expect(() => adminsOnly({ isAdmin: true })).toThrow(
      new TypeError('adminsOnly: option "isAdmin" must be a function'),
    );
    // @ts-expect-error options are required
    expect(() => adminsOnly()).toThrow(
      new TypeError('adminsOnly: options must be an object, not a list, a Map or a promise'),
    );
  });

  it("has the type of the host app's own requester", () => {
    type Member = Requester & { readonly isModerator: boolean };
    const member: Member = { userId: ALICE, isModerator: true };
    const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;
    createInviteRouter({
      ...required,
      auth: staticTokens({ token: member }),
      policies: [adminsOnly<Member>({ isAdmin: ({ isModerator }) => isModerator })],
    });
    createInviteRouter({
      ...required,
      // @ts-expect-error these tokens have another type of requester
      auth: staticTokens({ token: ALICE }),
      policies: [adminsOnly<Member>({ isAdmin: ({ isModerator }) => isModerator })],
    });
  });
});
