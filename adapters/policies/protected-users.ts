import { checkOptions, functionOption } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { isUserId } from '../../src/rooms/identifiers.ts';
import { type Answer, yesOrNo } from './shared/answer.ts';
import { idListOption, idTest } from './shared/id-list.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal.ts';

/** The options of {@link protectedUsers}. */
export type ProtectedUsersOptions<R extends Requester = Requester> = RefusalOptions & {
  /**
   * The ids of the users, read once; or a function that is asked of each invitee and answers `true` or `false`.
   * Required.
   */
  readonly users: Iterable<string> | ((userId: string, context: CallContext) => Answer<boolean>);
  /**
   * Says who may invite this protected user all the same: `true` or `false`. Asked about protected users only.
   * Default: nobody.
   */
  readonly allow?: (requester: R, userId: string, context: CallContext) => Answer<boolean>;
};

/**
 * These users (bots, support accounts) may not be invited: 403 `M_FORBIDDEN`, unless the options say otherwise.
 *
 * ```ts
 * policies: [protectedUsers({ users: ['@support:example.org'], allow: ({ userId }) => staff.has(userId) })]
 * ```
 *
 * A function that throws, is late, or answers anything but `true` or `false` refuses the invite.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option, and for an entry that is no user id
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function protectedUsers<R extends Requester = Requester>(
  options: ProtectedUsersOptions<R>,
): InvitePolicy<R> {
  checkOptions<ProtectedUsersOptions<R>>('protectedUsers', options, {
    users: idListOption,
    allow: functionOption,
    ...refusalChecks,
  });
  const { allow = () => false } = options;
  const isProtected = idTest('protectedUsers: users', options.users, isUserId, '@user:example.org');
  const refusal = refusalFrom(options, { message: 'This user cannot be invited' });
  return {
    name: 'protectedUsers',
    async decide({ requester, userId }, context) {
      if (!(await isProtected(userId, context))) return undefined;
      const isAllowed = await yesOrNo('protectedUsers: allow', allow(requester, userId, context));
      return isAllowed ? undefined : refusal;
    },
  };
}
