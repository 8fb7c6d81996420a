import { checkOptions, isNonEmptyString, type OptionChecks } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { InvitePolicy } from '../../../src/ports/policy.ts';
import type { UserDirectory } from '../../../src/ports/user-directory.ts';
import { type AccountData, accountDataOption, readAccountData } from '../shared/account-data.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from '../shared/refusal-options.ts';
import { actionFor, isFilter } from './filter.ts';

/**
 * The account data types that {@link inviteFilter} reads by default: the name in the proposal, and the
 * unstable name to use until it is accepted.
 */
export const INVITE_FILTER_TYPES: readonly string[] = Object.freeze([
  'm.invite_permission_config',
  'org.matrix.msc4155.invite_permission_config',
]);

/** Options for {@link inviteFilter}. */
export type InviteFilterOptions = RefusalOptions & {
  /** The object that the router has as `users`. Its `getAccountData` is called for the invitee. */
  readonly users: Pick<UserDirectory, 'getAccountData'>;
  /**
   * The account data types that can contain a filter. They are read in this order, and the first that has a
   * filter field is used. Default {@link INVITE_FILTER_TYPES}.
   */
  readonly types?: readonly string[] | undefined;
};

const optionChecks: OptionChecks<InviteFilterOptions> = {
  users: accountDataOption,
  types: {
    expects: 'a non-empty list of account data types',
    accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isNonEmptyString),
  },
  ...refusalChecks,
};

/**
 * Lets users decide who may invite them (MSC4155, "Invite filtering"), with lists of globs over user IDs and
 * server names in their account data.
 *
 * ```ts
 * createInviteRouter({ users, policies: [inviteFilter({ users })], … });
 * ```
 *
 * The lists are checked in this order, until a glob matches the inviter: `allowed_users`, `ignored_users`,
 * `blocked_users`, `allowed_servers`, `ignored_servers`, `blocked_servers`. If the inviter is allowed, or no
 * glob matches, the policy has no objection. If ignored, the invite is dropped. If blocked, the response is a
 * 403 `M_INVITE_BLOCKED`, or the one in the options. `enabled: false` turns a filter off.
 *
 * Malformed entries are ignored, because only the invitee can write them. A glob of more than 255 characters
 * never matches. Of the globs with a `*`, only the first 65,536 characters in total are used. Fails closed:
 * if `getAccountData` rejects, takes too long or resolves to neither an object nor `undefined`, the invite is
 * refused.
 *
 * @throws {TypeError} for an unknown, missing or invalid option
 * @see [errors, Ready-made policies](../../../docs/errors.md#ready-made-policies)
 */
export function inviteFilter(options: InviteFilterOptions): InvitePolicy {
  checkOptions<InviteFilterOptions>('inviteFilter', options, optionChecks);
  const { users } = options;
  const types = [...(options.types ?? INVITE_FILTER_TYPES)];
  const refusal = refusalFrom(options, {
    errcode: 'M_INVITE_BLOCKED',
    message: 'The user does not take invites from you',
  });
  return {
    name: 'inviteFilter',
    async decide({ requester, userId }, context) {
      const filter = await findFilter(userId, users, types, context);
      const action = filter === undefined ? 'allow' : actionFor(requester.userId, filter);
      if (action === 'ignore') return 'drop';
      return action === 'block' ? refusal : undefined;
    },
    /** Nobody here has the address. If a user has it, `decide` judges the invite of that user. */
    decideByAddress: () => undefined,
  };
}

async function findFilter(
  userId: string,
  users: InviteFilterOptions['users'],
  types: readonly string[],
  context: CallContext,
): Promise<AccountData | undefined> {
  for (const type of types) {
    const data = await readAccountData(users, userId, type, context);
    if (data !== undefined && isFilter(data)) return data;
  }
  return undefined;
}
