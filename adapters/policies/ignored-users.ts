import { checkOptions } from '../../src/internal/options.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import type { UserDirectory } from '../../src/ports/user-directory.ts';
import { type AccountData, accountDataOption, readAccountData } from './shared/account-data.ts';

const IGNORED_USERS_TYPE = 'm.ignored_user_list';

/** Options for {@link ignoredUsers}. */
export type IgnoredUsersOptions = {
  /**
   * The object that the router has as `users`. Its `getAccountData` is called for `m.ignored_user_list` of
   * the invitee. Required.
   */
  readonly users: Pick<UserDirectory, 'getAccountData'>;
};

/**
 * Drops invites from users whom the invitee ignores (client-server API, "Ignoring Users"): the inviter gets a
 * 200, and the invitee gets nothing. No event is stored, so the invite does not come back
 * when the invitee stops ignoring the inviter.
 *
 * ```ts
 * createInviteRouter({ users, policies: [ignoredUsers({ users })], … });
 * ```
 *
 * Malformed account data ignores nobody, because only the invitee can write it. Fails closed: if
 * `getAccountData` rejects, takes too long or resolves to neither an object nor `undefined`, the invite is
 * refused.
 *
 * @throws {TypeError} for an unknown or missing option, and for `users` without `getAccountData`
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function ignoredUsers(options: IgnoredUsersOptions): InvitePolicy {
  checkOptions<IgnoredUsersOptions>('ignoredUsers', options, { users: accountDataOption });
  const { users } = options;
  return {
    name: 'ignoredUsers',
    async decide({ requester, userId }, context) {
      const data = await readAccountData(users, userId, IGNORED_USERS_TYPE, context);
      return isIgnored(data, requester.userId) ? 'drop' : undefined;
    },
    /** Nobody here has the address. If a user has it, `decide` judges the invite of that user. */
    decideByAddress: () => undefined,
  };
}

/** The user IDs are the keys. Their values are reserved and have no meaning. */
function isIgnored(data: AccountData | undefined, userId: string): boolean {
  const ignored = data?.ignored_users;
  return typeof ignored === 'object' && ignored !== null && Object.hasOwn(ignored, userId);
}
