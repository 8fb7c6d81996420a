import { hasMethods, type OptionCheck } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { UserDirectory } from '../../../src/ports/user-directory.ts';

/** Account data as a user has stored it: every field can be missing or malformed. */
export type AccountData = Readonly<Record<string, unknown>>;

/** The option `users` of a policy that reads account data. */
export const accountDataOption: OptionCheck = {
  required: true,
  expects: 'an object with the method getAccountData',
  accepts: (value) => hasMethods(value, 'getAccountData'),
};

/**
 * Reads the account data of a user.
 *
 * @throws {TypeError} (rejects) for anything but an object, such as JSON that was not parsed. No user can
 *   store that: it is a mistake in the host app, and must not let everybody pass.
 */
export async function readAccountData(
  users: Pick<UserDirectory, 'getAccountData'>,
  userId: string,
  type: string,
  context: CallContext,
): Promise<AccountData | undefined> {
  const data: unknown = await users.getAccountData?.(userId, type, context);
  if (data === undefined || data === null) return undefined;
  if (typeof data !== 'object') throw new TypeError('getAccountData must resolve to an object or undefined');
  return data as AccountData;
}
