import { pendingInviteQuota } from 'express-matrix-invite/policies/pending-invite-quota';
import { describe, expect, it } from 'vitest';
import { ALICE, CAROL, ROOM } from '../../http/support.ts';
import {
  appWith,
  expectAllowed,
  expectNotChecked,
  expectRefused,
  itFailsClosed,
  itRefusesAsConfigured,
  sendInvite,
} from './support.ts';

const TOO_MANY = 'You have too many unanswered invites';

describe('pendingInviteQuota', () => {
  itRefusesAsConfigured('pendingInviteQuota', TOO_MANY, (options) =>
    pendingInviteQuota({ max: 3, countPending: () => 3, ...options }),
  );
  itFailsClosed('countPending', (countPending) => pendingInviteQuota({ max: 3, countPending }), [
    undefined,
    null,
    '0',
    -1,
    0.5,
    Number.NaN,
    false,
    {},
    [],
  ]);
  it('refuses if countPending returns a BigInt', async () => {
    await expectNotChecked(pendingInviteQuota({ max: 3, countPending: () => 0n as never }));
  });

  it.each([0, 2])('lets an inviter pass who has %d of 3', async (count) => {
    const calls: unknown[] = [];
    const countPending = async (...args: unknown[]) => (calls.push(args) > 0 ? count : 3);
    await expectAllowed(await appWith(pendingInviteQuota({ max: 3, countPending })));
    expect(calls).toEqual([[ALICE, { signal: expect.any(AbortSignal) }]]);
  });

  it('refuses an inviter who has more than max', async () => {
    await expectRefused(await appWith(pendingInviteQuota({ max: 3, countPending: () => 4 })), TOO_MANY);
  });

  it('applies to invites that are sent one after the other', async () => {
    const host = await appWith(
      pendingInviteQuota({
        max: 1,
        async countPending(userId) {
          const state = (await host.store.roomState(ROOM)) ?? [];
          return state.filter(({ sender, content }) => sender === userId && content.membership === 'invite')
            .length;
        },
      }),
    );
    expect((await sendInvite(host)).status).toBe(200);
    expect((await sendInvite(host, { user_id: CAROL })).body.error).toBe(TOO_MANY);
  });

  it.each([0, -1, 1.5, '3', Number.POSITIVE_INFINITY])('rejects a max of %j', (max) => {
    expect(() => pendingInviteQuota({ max: max as number, countPending: () => 0 })).toThrow(
      new TypeError(
        'pendingInviteQuota: option "max" must be an integer number of invites, from 1 to 2147483647',
      ),
    );
  });

  it('requires max and countPending', () => {
    // @ts-expect-error required
    expect(() => pendingInviteQuota({ countPending: () => 0 })).toThrow(/option "max" is required/);
    // @ts-expect-error required
    expect(() => pendingInviteQuota({ max: 3 })).toThrow(/option "countPending" is required: a function/);
  });
});
