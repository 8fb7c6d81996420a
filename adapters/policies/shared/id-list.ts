import type { OptionCheck } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { booleanResult } from './boolean-result.ts';

/**
 * IDs as a list, which is read once when the policy is created, or as a function, which is called for each
 * invite.
 */
type IdList = Iterable<string> | ((id: string, context: CallContext) => boolean | Promise<boolean>);

/** An option that is an {@link IdList}. A string is rejected, although it is iterable. */
export const idListOption: OptionCheck = {
  required: true,
  expects: 'a list of IDs, or a function',
  accepts: (value) =>
    typeof value === 'function' || (typeof value === 'object' && value !== null && Symbol.iterator in value),
};

/**
 * Matches a pattern, or white space at either end. The grammar allows these characters, but an entry that has them is a
 * mistake: it would match nothing. For the rare ID that really has them, hosts pass a function.
 */
const NEVER_IN_AN_ID = /[*?]|^\s|\s$/;

/**
 * Returns a function that tests whether the list contains an ID. IDs are compared exactly.
 *
 * @param name the policy and its option: `blockedRooms: rooms`
 * @throws {TypeError} for an entry that is not a valid ID, since it would never match
 */
export function idTest(
  name: string,
  list: IdList,
  isId: (text: string) => boolean,
  example: string,
): (id: string, context: CallContext) => Promise<boolean> {
  if (typeof list === 'function') return (id, context) => booleanResult(name, list(id, context));
  const ids = new Set<unknown>(list);
  for (const id of ids) {
    if (typeof id !== 'string' || !isId(id) || NEVER_IN_AN_ID.test(id)) {
      throw new TypeError(`${name} must only contain IDs such as "${example}"`);
    }
  }
  return async (id) => ids.has(id);
}
