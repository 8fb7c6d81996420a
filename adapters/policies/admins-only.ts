import { checkOptions, functionOption } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { type Answer, yesOrNo } from './shared/answer.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal.ts';

/** The options of {@link adminsOnly}. */
export type AdminsOnlyOptions<R extends Requester = Requester> = RefusalOptions & {
  /** Says who may invite: `true` or `false`. Required. */
  readonly isAdmin: (requester: R, context: CallContext) => Answer<boolean>;
};

/**
 * Only administrators may invite. Everybody else is answered 403 `M_FORBIDDEN`, unless the options say otherwise.
 *
 * ```ts
 * policies: [adminsOnly({ isAdmin: ({ userId }) => admins.has(userId) })]
 * ```
 *
 * When `isAdmin` throws, is late, or answers anything but `true` or `false`, nobody is invited.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function adminsOnly<R extends Requester = Requester>(options: AdminsOnlyOptions<R>): InvitePolicy<R> {
  checkOptions<AdminsOnlyOptions<R>>('adminsOnly', options, {
    isAdmin: { ...functionOption, required: true },
    ...refusalChecks,
  });
  const { isAdmin } = options;
  const refusal = refusalFrom(options, { message: 'Only administrators may invite' });
  return {
    name: 'adminsOnly',
    async decide({ requester }, context) {
      const isOne = await yesOrNo('adminsOnly: isAdmin', isAdmin(requester, context));
      return isOne ? undefined : refusal;
    },
  };
}
