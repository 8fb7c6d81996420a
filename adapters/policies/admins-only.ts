import { checkOptions, functionOption } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { booleanResult } from './shared/boolean-result.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal-options.ts';

/** Options for {@link adminsOnly}. */
export type AdminsOnlyOptions<R extends Requester = Requester> = RefusalOptions & {
  /** Returns true for users who may invite. Required. */
  readonly isAdmin: (requester: R, context: CallContext) => boolean | Promise<boolean>;
};

/**
 * Lets only administrators invite. Everybody else gets a 403 `M_FORBIDDEN`, or the response in the options.
 *
 * ```ts
 * policies: [adminsOnly({ isAdmin: ({ userId }) => admins.has(userId) })]
 * ```
 *
 * Fails closed: if `isAdmin` throws, takes too long or returns anything but a boolean, the invite is refused.
 *
 * @throws {TypeError} for an unknown, missing or invalid option
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function adminsOnly<R extends Requester = Requester>(options: AdminsOnlyOptions<R>): InvitePolicy<R> {
  const { isAdmin } = checkOptions<AdminsOnlyOptions<R>>('adminsOnly', options, {
    isAdmin: { ...functionOption, required: true },
    ...refusalChecks,
  });
  const refusal = refusalFrom(options, { message: 'Only administrators may invite' });
  const decide = async ({ requester }: { readonly requester: R }, context: CallContext) => {
    const isAllowed = await booleanResult('adminsOnly: isAdmin', isAdmin(requester, context));
    return isAllowed ? undefined : refusal;
  };
  return { name: 'adminsOnly', decide, decideByAddress: decide };
}
