import { checkOptions, hasMethods } from '../../src/internal/options.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import type { UserDirectory } from '../../src/ports/user-directory.ts';

const IGNORED_USERS_TYPE = 'm.ignored_user_list';

/** The options of {@link ignoredUsers}. */
export type IgnoredUsersOptions = {
  /**
   * Where the account data of users is: the object that the router has as `users`. Its `getAccountData` is asked for
   * `m.ignored_user_list` of the invitee. Required.
   */
  readonly users: Pick<UserDirectory, 'getAccountData'>;
};

/**
 * Drops invites from users whom the invitee ignores (client-server API, "Ignoring Users"): the inviter sees a 200
 * and learns nothing, and the invitee gets nothing. No event is stored, so the invite does not come back when the
 * invitee stops ignoring.
 *
 * ```ts
 * createInviteRouter({ users, policies: [ignoredUsers({ users })], … });
 * ```
 *
 * What is malformed in the account data, which is the invitee's own, ignores nobody. When `getAccountData` rejects, is
 * late, or answers neither an object nor `undefined`, the invite is refused.
 *
 * @throws {TypeError} for an unknown or missing option, and for `users` without `getAccountData`
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function ignoredUsers(options: IgnoredUsersOptions): InvitePolicy {
  checkOptions<IgnoredUsersOptions>('ignoredUsers', options, {
    users: {
      required: true,
      expects: 'an object with getAccountData',
      accepts: (value) => hasMethods(value, 'getAccountData'),
    },
  });
  const { users } = options;
  return {
    name: 'ignoredUsers',
    async decide({ requester, userId }, context) {
      const content: unknown = await users.getAccountData?.(userId, IGNORED_USERS_TYPE, context);
      return isIgnored(content, requester.userId) ? 'drop' : undefined;
    },
  };
}

/** The user ids are the keys. What stands under them is reserved, and means nothing. */
function isIgnored(content: unknown, userId: string): boolean {
  if (content === undefined || content === null) return false;
  // No user can write this: it is a fault of the host's, such as JSON that nobody has parsed.
  if (typeof content !== 'object') throw new TypeError('getAccountData must resolve an object or undefined');
  const { ignored_users: ignored } = content as { readonly ignored_users?: unknown };
  return typeof ignored === 'object' && ignored !== null && Object.hasOwn(ignored, userId);
}
