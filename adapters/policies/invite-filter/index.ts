import { checkOptions, hasMethods, type OptionChecks } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { InvitePolicy } from '../../../src/ports/policy.ts';
import type { UserDirectory } from '../../../src/ports/user-directory.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from '../shared/refusal.ts';
import { type AccountData, actionFor, isFilter } from './filter.ts';

/** The types of account data that {@link inviteFilter} asks for by default: the proposal's name, and the one it has until it is accepted. */
export const INVITE_FILTER_TYPES: readonly string[] = Object.freeze([
  'm.invite_permission_config',
  'org.matrix.msc4155.invite_permission_config',
]);

/** The options of {@link inviteFilter}. */
export type InviteFilterOptions = RefusalOptions & {
  /** Whose `getAccountData` is asked, about the invitee: the object that the router has as `users`. */
  readonly users: Pick<UserDirectory, 'getAccountData'>;
  /**
   * The types of account data that may hold a filter. They are asked for in this order, and the first that has a
   * field of a filter decides. Default {@link INVITE_FILTER_TYPES}.
   */
  readonly types?: readonly string[];
};

const optionChecks: OptionChecks<InviteFilterOptions> = {
  users: {
    expects: 'an object with a method getAccountData',
    required: true,
    accepts: (value) => hasMethods(value, 'getAccountData'),
  },
  types: {
    expects: 'a list of account data types, not empty',
    accepts: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((type) => typeof type === 'string' && type !== ''),
  },
  ...refusalChecks,
};

/**
 * Lets each user say who may invite them (MSC4155, "Invite filtering"): by lists of globs over user ids and server
 * names in their account data.
 *
 * ```ts
 * createInviteRouter({ users, policies: [inviteFilter({ users })], … });
 * ```
 *
 * Looked through in this order, until a glob matches the inviter: `allowed_users`, `ignored_users`, `blocked_users`,
 * `allowed_servers`, `ignored_servers`, `blocked_servers`. Allowed, and matched by none: no objection. Ignored: the
 * invite is dropped. Blocked: 403 `M_INVITE_BLOCKED`, which `status`, `errcode` and `message` change.
 * `enabled: false` switches a filter off.
 *
 * What is malformed in a user's data counts as left out. A glob of more than 255 characters matches nothing; of globs
 * with a `*`, the first 65,536 characters are matched. When `getAccountData` rejects, the invite is refused.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Ready-made policies](../../../docs/errors.md#ready-made-policies)
 */
export function inviteFilter(options: InviteFilterOptions): InvitePolicy {
  checkOptions<InviteFilterOptions>('inviteFilter', options, optionChecks);
  const { users, types = INVITE_FILTER_TYPES } = options;
  const asked = [...types];
  const refusal = refusalFrom(options, {
    errcode: 'M_INVITE_BLOCKED',
    message: 'The user does not take invites from you',
  });
  return {
    name: 'inviteFilter',
    async decide({ requester, userId }, context) {
      const filter = await filterOf(userId, users, asked, context);
      const action = filter === undefined ? 'allow' : actionFor(requester.userId, filter);
      if (action === 'ignore') return 'drop';
      return action === 'block' ? refusal : undefined;
    },
  };
}

async function filterOf(
  userId: string,
  users: InviteFilterOptions['users'],
  types: readonly string[],
  context: CallContext,
): Promise<AccountData | undefined> {
  for (const type of types) {
    const data: unknown = await users.getAccountData?.(userId, type, context);
    if (data === undefined || data === null) continue;
    // A store that hands out JSON as text, say: to go on would be to let everybody pass.
    if (typeof data !== 'object') throw new TypeError('getAccountData must resolve an object or undefined');
    if (isFilter(data as AccountData)) return data as AccountData;
  }
  return undefined;
}
