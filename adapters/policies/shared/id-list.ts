import type { OptionCheck } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { type Answer, yesOrNo } from './answer.ts';

/** Says whether an id is one of those that are meant. */
type IdTest = (id: string, context: CallContext) => Answer<boolean>;

/** Ids, as a list (read once, when the policy is made) or as a function (asked each time). */
export type IdList = Iterable<string> | IdTest;

/** An option that is an {@link IdList}. A lone text is none, though its characters could be listed. */
export const idListOption: OptionCheck = {
  required: true,
  expects: 'a list of ids, or a function',
  accepts: (value) =>
    typeof value === 'function' || (typeof value === 'object' && value !== null && Symbol.iterator in value),
};

/**
 * A test of whether an id is in the list. Ids are compared exactly.
 *
 * @param name the option, `blockedRooms: rooms`
 * @throws {TypeError} for an entry that is no such id, since it would never match anything
 */
export function idTest(
  name: string,
  list: IdList,
  isId: (text: string) => boolean,
  example: string,
): (id: string, context: CallContext) => Promise<boolean> {
  if (typeof list === 'function') return (id, context) => yesOrNo(name, list(id, context));
  const ids = new Set<unknown>(list);
  for (const id of ids) {
    if (typeof id !== 'string' || !isId(id)) {
      throw new TypeError(`${name} must have ids such as "${example}" only`);
    }
  }
  return async (id) => ids.has(id);
}
