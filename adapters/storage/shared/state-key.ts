import type { StateKey } from '../../../src/rooms/event.ts';

/** The key of the event that every room starts with. */
export const CREATE_KEY: StateKey = { type: 'm.room.create', state_key: '' };

/** Returns true if two keys, or the keys of two events, are the same. */
export function isSameKey(one: StateKey, other: StateKey): boolean {
  return one.state_key === other.state_key && one.type === other.type;
}

/** Returns a copy of the keys, so that callers may change theirs. */
export function copyOfKeys(keys: readonly StateKey[]): StateKey[] {
  return keys.map(({ type, state_key }) => ({ type, state_key }));
}

/** Returns a string that no other key has. The length keeps the type and the state key from running together. */
export function nameOf({ type, state_key }: StateKey): string {
  return `${type.length} ${type}${state_key}`;
}

/** Returns each key once. */
export function uniqueKeys(keys: readonly StateKey[]): Iterable<StateKey> {
  return new Map(keys.map((key) => [nameOf(key), key])).values();
}
