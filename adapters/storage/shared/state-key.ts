import type { StateKey } from '../../../src/rooms/event.ts';

/** The key of the event that every room starts with. */
export const CREATE_KEY: StateKey = { type: 'm.room.create', state_key: '' };

/** A text that two keys share only when type and state key are the same: by the length, they cannot run together. */
export function keyText({ type, state_key }: StateKey): string {
  return `${type.length} ${type}${state_key}`;
}

/** A list of keys that is nobody else's: callers may change theirs. */
export function copyOfKeys(keys: readonly StateKey[]): StateKey[] {
  return keys.map(({ type, state_key }) => ({ type, state_key }));
}

/** The keys, each once, by their text. */
export function keysByText(keys: readonly StateKey[]): Map<string, StateKey> {
  return new Map(keys.map((key) => [keyText(key), key]));
}
