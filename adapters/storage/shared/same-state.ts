import type { NewStateEvent, StateSnapshot, StrippedStateEvent } from '../../../src/ports/storage.ts';
import { isSameJson } from '../../../src/rooms/same-json.ts';
import { keyText } from './state-key.ts';

/**
 * Whether every key of a basis is still as the basis shows it: an absent one absent, a present one the same
 * event. Where either side has no event id, the same sender and the same content count as the same event.
 *
 * @param current the current events; those under keys that are not in the basis do not count
 */
export function sameState(basis: StateSnapshot, current: readonly StrippedStateEvent[]): boolean {
  const before = byKey(basis.events);
  const now = byKey(current);
  return basis.keys.every((key) => {
    const text = keyText(key);
    return isSameEvent(before.get(text), now.get(text));
  });
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

function byKey(events: readonly StrippedStateEvent[]): Map<string, StrippedStateEvent> {
  const byText = new Map<string, StrippedStateEvent>();
  for (const event of events) byText.set(keyText(event), event);
  return byText;
}

function isSameEvent(one: StrippedStateEvent | undefined, other: StrippedStateEvent | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.event_id !== undefined && other.event_id !== undefined) return one.event_id === other.event_id;
  return one.sender === other.sender && isSameJson(one.content, other.content);
}
