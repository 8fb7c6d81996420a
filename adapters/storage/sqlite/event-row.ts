import type { NewStateEvent } from '../../../src/ports/storage.ts';
import { StoredEvent } from '../shared/stored-event.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** A row of the events table as a driver gives it; numbers are bigints where the host asked its driver for them. */
export type EventRow = {
  readonly position: number | bigint;
  readonly event_id: string;
  readonly room_id: string;
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly origin_server_ts: number | bigint;
  readonly content: string;
};

/** An event's columns but for the id, ready to be bound. */
export type NewEventRow = Omit<EventRow, 'position' | 'event_id' | 'origin_server_ts'> & {
  readonly origin_server_ts: number;
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

export function fromEventRow(row: EventRow): StoredEvent {
  const fields = {
    event_id: fromStoredText(row.event_id),
    room_id: fromStoredText(row.room_id),
    type: fromStoredText(row.type),
    state_key: fromStoredText(row.state_key),
    sender: fromStoredText(row.sender),
    origin_server_ts: Number(row.origin_server_ts),
  };
  return new StoredEvent(fields, row.content);
}
