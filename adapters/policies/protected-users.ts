import { checkOptions, functionOption } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { isUserId } from '../../src/rooms/identifiers.ts';
import { booleanResult } from './shared/boolean-result.ts';
import { idListOption, idTest } from './shared/id-list.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal-options.ts';

/** Options for {@link protectedUsers}. */
export type ProtectedUsersOptions<R extends Requester = Requester> = RefusalOptions & {
  /** The IDs of the users, read once; or a function that returns true for a protected user. Required. */
  readonly users: Iterable<string> | ((userId: string, context: CallContext) => boolean | Promise<boolean>);
  /**
   * Returns true for requesters who may invite this protected user. Only called for protected users. Default:
   * nobody.
   */
  readonly allow?:
    | ((requester: R, userId: string, context: CallContext) => boolean | Promise<boolean>)
    | undefined;
};

/**
 * Protects some users (bots, support accounts) from invites: 403 `M_FORBIDDEN`, or the response in the
 * options.
 *
 * ```ts
 * policies: [protectedUsers({ users: ['@support:example.org'], allow: ({ userId }) => staff.has(userId) })]
 * ```
 *
 * Fails closed: if a function throws, takes too long or returns anything but a boolean, the invite is
 * refused.
 *
 * @throws {TypeError} for an unknown, missing or invalid option, and for an entry that is not a user ID
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function protectedUsers<R extends Requester = Requester>(
  options: ProtectedUsersOptions<R>,
): InvitePolicy<R> {
  const { users, allow = () => false } = checkOptions<ProtectedUsersOptions<R>>('protectedUsers', options, {
    users: idListOption,
    allow: functionOption,
    ...refusalChecks,
  });
  const isProtected = idTest('protectedUsers: users', users, isUserId, '@user:example.org');
  const refusal = refusalFrom(options, { message: 'This user cannot be invited' });
  return {
    name: 'protectedUsers',
    async decide({ requester, userId }, context) {
      if (!(await isProtected(userId, context))) return undefined;
      const isAllowed = await booleanResult('protectedUsers: allow', allow(requester, userId, context));
      return isAllowed ? undefined : refusal;
    },
    /** Nobody here has the address. If a user has it, `decide` judges the invite of that user. */
    decideByAddress: () => undefined,
  };
}
