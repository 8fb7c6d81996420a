import type { StateSnapshot } from '../../../src/ports/storage.ts';
import { isSameJson } from '../../../src/rooms/content.ts';
import type { NewStateEvent, StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';

/**
 * Whether every key of a basis is still as the basis shows it: an absent one absent, a present one the same
 * event. Where either side has no event id, the same sender and the same content count as the same event.
 *
 * @param current the current events; those under keys that are not in the basis do not count
 */
export function sameState(basis: StateSnapshot, current: readonly StrippedStateEvent[]): boolean {
  return basis.keys.every((key) => isSameEvent(eventUnder(basis.events, key), eventUnder(current, key)));
}

/** The last event under a key. A basis has few keys: looking through its events takes less time than a map of them. */
export function eventUnder(
  events: readonly StrippedStateEvent[],
  { type, state_key }: StateKey,
): StrippedStateEvent | undefined {
  return events.findLast((event) => event.state_key === state_key && event.type === type);
}

/**
 * Holds a caller of `appendEvent` to what its promises rest on.
 *
 * @throws {TypeError} when the basis is of another room, or was read without the key of the event
 */
export function checkBasis(event: NewStateEvent, basis: StateSnapshot): void {
  if (basis.roomId !== event.room_id) throw new TypeError('The basis is a snapshot of another room');
  const { type, state_key } = event;
  if (!basis.keys.some((key) => key.type === type && key.state_key === state_key)) {
    throw new TypeError(`The basis must include the key of the event: ${JSON.stringify([type, state_key])}`);
  }
}

function isSameEvent(one: StrippedStateEvent | undefined, other: StrippedStateEvent | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.event_id !== undefined && other.event_id !== undefined) return one.event_id === other.event_id;
  return one.sender === other.sender && isSameJson(one.content, other.content);
}
