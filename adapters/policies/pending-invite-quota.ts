import { checkOptions, functionOption, integerOption } from '../../src/internal/options.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import type { Answer } from './shared/answer.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal.ts';

/** The options of {@link pendingInviteQuota}. */
export type PendingInviteQuotaOptions = RefusalOptions & {
  /** How many unanswered invites one inviter may have, from 1 on. Required. */
  readonly max: number;
  /**
   * How many invites of this user's nobody has answered yet, in all rooms: a whole number from 0 on. It must be a
   * number: PostgreSQL's `count(*)` comes as a text. Required.
   */
  readonly countPending: (userId: string, context: CallContext) => Answer<number>;
};

/**
 * Whoever has `max` unanswered invites may send no more until some are accepted, rejected or taken back: 403
 * `M_FORBIDDEN`, unless the options say otherwise. It is no 429: clients would repeat that by themselves, and time
 * alone does not help here.
 *
 * ```ts
 * policies: [pendingInviteQuota({ max: 50, countPending: (userId) => tables.countInvitesOf(userId) })]
 * ```
 *
 * The quota is not exact: a policy cannot lock, so invites of one user that run at the same time all see the same
 * count, and may exceed `max` together, by one less than their number at most. Rate limits bound how many that can be.
 *
 * A `countPending` that throws, is late, or answers no whole number from 0 on refuses the invite.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function pendingInviteQuota(options: PendingInviteQuotaOptions): InvitePolicy {
  checkOptions<PendingInviteQuotaOptions>('pendingInviteQuota', options, {
    max: { ...integerOption('invites'), required: true },
    countPending: { ...functionOption, required: true },
    ...refusalChecks,
  });
  const { max, countPending } = options;
  const refusal = refusalFrom(options, { message: 'You have too many invites that nobody has answered yet' });
  return {
    name: 'pendingInviteQuota',
    async decide({ requester }, context) {
      const count: unknown = await countPending(requester.userId, context);
      if (!isCount(count)) {
        throw new TypeError('pendingInviteQuota: countPending must answer a whole number from 0 on');
      }
      return count >= max ? refusal : undefined;
    },
  };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
