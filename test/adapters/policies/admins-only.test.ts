import { createInviteRouter, type Requester } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { adminsOnly } from 'express-matrix-invite/policies/admins-only';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE } from '../../http/support.ts';
import { appWith, expectAllowed, itFailsClosed, itRefusesAsTold } from './support.ts';

describe('adminsOnly', () => {
  itRefusesAsTold('adminsOnly', 'Only administrators may invite', (options) =>
    adminsOnly({ isAdmin: () => false, ...options }),
  );
  itFailsClosed('isAdmin', (isAdmin) => adminsOnly({ isAdmin }));

  it('lets administrators invite, and asks about the inviter', async () => {
    const asked: unknown[] = [];
    const isAdmin = async (...args: unknown[]) => asked.push(args) > 0;
    await expectAllowed(await appWith(adminsOnly({ isAdmin })));
    expect(asked).toEqual([[{ userId: ALICE }, { signal: expect.any(AbortSignal) }]]);
  });

  it('takes an answer at once too', async () => {
    await expectAllowed(await appWith(adminsOnly({ isAdmin: ({ userId }) => userId === ALICE })));
  });

  it('needs isAdmin', () => {
    // @ts-expect-error it is required
    expect(() => adminsOnly({})).toThrow(
      new TypeError('adminsOnly: option "isAdmin" is required: a function'),
    );
    // @ts-expect-error it is no function
    expect(() => adminsOnly({ isAdmin: true })).toThrow(
      new TypeError('adminsOnly: option "isAdmin" must be a function'),
    );
    // @ts-expect-error there are no options
    expect(() => adminsOnly()).toThrow(new TypeError('adminsOnly: options must be an object'));
  });

  it("knows the host's own requester", () => {
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
      // @ts-expect-error the logins know no such requester
      auth: staticTokens({ token: ALICE }),
      policies: [adminsOnly<Member>({ isAdmin: ({ isModerator }) => isModerator })],
    });
  });
});
