import { checkOptions, functionOption, integerOption } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal-options.ts';

/** Options for {@link pendingInviteQuota}. */
export type PendingInviteQuotaOptions = RefusalOptions & {
  /** The maximum number of unanswered invites per inviter, at least 1. Required. */
  readonly max: number;
  /**
   * Returns the number of unanswered invites by this user in all rooms: an integer, at least 0. PostgreSQL
   * returns `count(*)` as a string, which must be converted. Required.
   */
  readonly countPending: (userId: string, context: CallContext) => number | Promise<number>;
};

/**
 * Refuses inviters who have `max` unanswered invites, until some of those are accepted, rejected or
 * withdrawn: 403 `M_FORBIDDEN`, or the response in the options. It is not a 429, because clients would retry
 * that automatically, and time alone does not help.
 *
 * ```ts
 * policies: [pendingInviteQuota({ max: 50, countPending: (userId) => tables.countInvitesOf(userId) })]
 * ```
 *
 * The quota is not exact. A policy cannot lock, so all concurrent invites by a user see the same count:
 * together they can exceed `max` by at most their number minus one. Rate limits bound that number.
 *
 * Fails closed: if `countPending` throws, takes too long or returns anything but an integer of at least 0,
 * the invite is refused.
 *
 * @throws {TypeError} for an unknown, missing or invalid option
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function pendingInviteQuota(options: PendingInviteQuotaOptions): InvitePolicy {
  const { max, countPending } = checkOptions<PendingInviteQuotaOptions>('pendingInviteQuota', options, {
    max: { ...integerOption('invites'), required: true },
    countPending: { ...functionOption, required: true },
    ...refusalChecks,
  });
  const refusal = refusalFrom(options, { message: 'You have too many unanswered invites' });
  const decide = async ({ requester }: { readonly requester: Requester }, context: CallContext) => {
    const count: unknown = await countPending(requester.userId, context);
    if (!isCount(count)) {
      throw new TypeError('pendingInviteQuota: countPending must return an integer, at least 0');
    }
    return count >= max ? refusal : undefined;
  };
  return { name: 'pendingInviteQuota', decide, decideByAddress: decide };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
