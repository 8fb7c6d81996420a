import type { NewStateEvent, StateEvent, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { withContent } from './lazy-content.ts';
import { RememberedState } from './remembered-state.ts';

/** An event as a row has it, with its IDs decoded. The content is JSON. */
export type StoredEvent = Omit<StrippedStateEvent, 'content' | 'event_id'> & {
  readonly event_id: string;
  readonly content: string;
};

/** @param content as it was stored: the caller may have changed the event since */
export function storedEvent(
  { type, state_key, sender }: NewStateEvent,
  content: string,
  event_id: string,
): StoredEvent {
  return { type, state_key, sender, event_id, content };
}

function toStripped({ type, state_key, sender, event_id, content }: StoredEvent): StrippedStateEvent {
  return withContent({ type, state_key, sender, event_id }, content);
}

export function toStateEvent(roomId: string, stored: StoredEvent, origin_server_ts: number): StateEvent {
  return { ...toStripped(stored), event_id: stored.event_id, room_id: roomId, origin_server_ts };
}

/** Returns an empty memory for rooms whose events are kept as they are stored. */
export function newRememberedState(): RememberedState<StoredEvent> {
  return new RememberedState({ toEvent: toStripped, sizeOf: ({ content }) => content.length });
}
