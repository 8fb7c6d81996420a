import type { StateSnapshot } from '../../../src/ports/storage.ts';
import { isSameJson } from '../../../src/rooms/content.ts';
import type { JsonObject, NewStateEvent, StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { RECALLED, RememberedState } from '../shared/remembered-state.ts';

/** An event with its content as JSON: the host app may change the objects that it has returned. */
type StoredEvent = Omit<StrippedStateEvent, 'content'> & { readonly content: string };

/** What `transactionalStorage` remembers of the host app's rooms. */
export class Memory {
  readonly #rooms = new RememberedState<StoredEvent>({
    toEvent: ({ content, ...event }) => ({ ...event, content: JSON.parse(content) as JsonObject }),
    sizeOf: ({ content }) => content.length,
  });

  recall(roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
    return this.#rooms.recall(roomId, keys);
  }

  forget(roomId: string): void {
    this.#rooms.forget(roomId);
  }

  /**
   * Remembers an event that was appended, and the state that its transaction has read. Never throws, because the event is
   * stored. If a content is not JSON, the room is forgotten: its copy would make every append stale.
   */
  appended(basis: StateSnapshot, { event, eventId }: Appended, current: readonly StrippedStateEvent[]): void {
    // Some host apps return an ID from `insert`, and events without one from `readState`.
    const hasIds = current.some(({ event_id }) => event_id !== undefined);
    try {
      const stored = toStored(eventId !== undefined && hasIds ? { ...event, event_id: eventId } : event);
      this.#rooms.appended(basis, stored, basis.revision === RECALLED ? undefined : current.map(toStored));
    } catch {
      this.forget(basis.roomId);
    }
  }
}

type Appended = { readonly event: NewStateEvent; readonly eventId?: string | undefined };

/** @throws if the content is not JSON, and what its getters throw */
function toStored({ type, state_key, sender, event_id, content }: StrippedStateEvent): StoredEvent {
  const json = JSON.stringify(content);
  if (!isSameJson(JSON.parse(json), content)) throw new Error('The content is not JSON');
  return { type, state_key, sender, content: json, ...(event_id === undefined ? {} : { event_id }) };
}
