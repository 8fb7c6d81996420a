import type { StateKey } from '../../../src/rooms/event.ts';
import { toStoredText } from './text.ts';

/**
 * State keys as one parameter: a JSON object that has the type under the name of each state key. Many names come
 * more than once, which `json_each` does not mind. By `json_extract`, from a list of lists, a look-up takes a third more.
 */
export function keyList(keys: Iterable<StateKey>): string {
  const members = Array.from(keys, ({ type, state_key }) => `${asJson(state_key)}:${asJson(type)}`);
  return `{${members.join()}}`;
}

function asJson(text: string): string {
  const stored = toStoredText(text);
  return stored.includes('\\') ? JSON.stringify(stored) : `"${stored}"`;
}
