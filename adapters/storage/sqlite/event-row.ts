import type { NewStateEvent } from '../../../src/rooms/event.ts';
import { toStoredText } from './text.ts';

/** A new event's columns but for the id, ready to be bound. */
export type NewEventRow = {
  readonly room_id: string;
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: string;
};

export function toEventRow(event: NewStateEvent): NewEventRow {
  return {
    room_id: toStoredText(event.room_id),
    type: toStoredText(event.type),
    state_key: toStoredText(event.state_key),
    sender: toStoredText(event.sender),
    origin_server_ts: event.origin_server_ts,
    content: JSON.stringify(event.content),
  };
}
