import { printable } from '../../../src/internal/printable.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import { isSameJson } from '../../../src/rooms/content.ts';
import type { NewStateEvent, StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { isSameKey } from './state-key.ts';

/**
 * Returns true if every key of a basis is still as the basis shows it: an absent key is absent, a present one has the
 * same event. If either event has no ID, they are the same event when sender and content are the same.
 *
 * @param current the current events; events under keys outside the basis are ignored
 */
export function sameState(basis: StateSnapshot, current: readonly StrippedStateEvent[]): boolean {
  return basis.keys.every((key) => isSameEvent(eventUnder(basis.events, key), eventUnder(current, key)));
}

/** Returns the last event under a key. A basis has few keys: searching its events is faster than building a map. */
export function eventUnder(
  events: readonly StrippedStateEvent[],
  key: StateKey,
): StrippedStateEvent | undefined {
  // Not findLast: its function would be created for each key.
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const event = events[index];
    if (event !== undefined && isSameKey(event, key)) return event;
  }
  return undefined;
}

/**
 * Checks what the promises of `appendEvent` rely on.
 *
 * @throws {TypeError} if the basis belongs to another room, or was read without the key of the event
 */
export function checkBasis(event: NewStateEvent, basis: StateSnapshot): void {
  if (basis.roomId !== event.room_id) throw new TypeError('The basis is a snapshot of another room');
  if (!basis.keys.some((key) => isSameKey(key, event))) {
    const { type, state_key } = event;
    const key = printable(JSON.stringify([type, state_key]));
    throw new TypeError(`The basis must include the key of the event: ${key}`);
  }
}

/** Returns true for the same event: by its ID, or else by sender and content. An absent one is the same as another. */
export function isSameEvent(
  one: StrippedStateEvent | undefined,
  other: StrippedStateEvent | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.event_id !== undefined && other.event_id !== undefined) return one.event_id === other.event_id;
  return one.sender === other.sender && isSameJson(one.content, other.content);
}
