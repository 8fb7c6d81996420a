import { pendingInviteQuota } from 'express-matrix-invite/policies/pending-invite-quota';
import { describe, expect, it } from 'vitest';
import { ALICE, CAROL, ROOM } from '../../http/support.ts';
import {
  appWith,
  ask,
  expectAllowed,
  expectNotChecked,
  expectRefused,
  itFailsClosed,
  itRefusesAsTold,
} from './support.ts';

const TOO_MANY = 'You have too many invites that nobody has answered yet';

describe('pendingInviteQuota', () => {
  itRefusesAsTold('pendingInviteQuota', TOO_MANY, (options) =>
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
  it('refuses where countPending answers a BigInt', async () => {
    await expectNotChecked(pendingInviteQuota({ max: 3, countPending: () => 0n as never }));
  });

  it.each([0, 2])('lets the inviter pass who has %d of 3', async (count) => {
    const asked: unknown[] = [];
    const countPending = async (...args: unknown[]) => (asked.push(args) > 0 ? count : 3);
    await expectAllowed(await appWith(pendingInviteQuota({ max: 3, countPending })));
    expect(asked).toEqual([[ALICE, { signal: expect.any(AbortSignal) }]]);
  });

  it('refuses the inviter who has more than max', async () => {
    await expectRefused(await appWith(pendingInviteQuota({ max: 3, countPending: () => 4 })), TOO_MANY);
  });

  it('holds for invites that come one after the other', async () => {
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
    expect((await ask(host)).status).toBe(200);
    expect((await ask(host, { user_id: CAROL })).body.error).toBe(TOO_MANY);
  });

  it.each([0, -1, 1.5, '3', Number.POSITIVE_INFINITY])('takes no max of %j', (max) => {
    expect(() => pendingInviteQuota({ max: max as number, countPending: () => 0 })).toThrow(
      new TypeError(
        'pendingInviteQuota: option "max" must be a whole number of invites from 1 to 2147483647',
      ),
    );
  });

  it('needs max and countPending', () => {
    // @ts-expect-error it is required
    expect(() => pendingInviteQuota({ countPending: () => 0 })).toThrow(/option "max" is required/);
    // @ts-expect-error it is required
    expect(() => pendingInviteQuota({ max: 3 })).toThrow(/option "countPending" is required: a function/);
  });
});
