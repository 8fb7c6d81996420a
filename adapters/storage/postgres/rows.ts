import type { JsonObject, StateEvent, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { fromStoredText } from './text.ts';

type Row = Record<string, unknown>;

/** The rows that have an event: an outer join gives one without where there is none. */
export function presentRows(rows: readonly Row[]): Row[] {
  return rows.filter(({ event_id }) => event_id !== null);
}

export function toStripped(row: Row): StrippedStateEvent {
  return {
    type: fromStoredText(row.type as string),
    state_key: fromStoredText(row.state_key as string),
    sender: fromStoredText(row.sender as string),
    content: JSON.parse(row.content as string) as JsonObject,
    event_id: fromStoredText(row.event_id as string),
  };
}

export function toStateEvent(roomId: string, row: Row): StateEvent {
  // pg gives a bigint as text.
  const origin_server_ts = Number(row.origin_server_ts);
  return {
    ...toStripped(row),
    event_id: fromStoredText(row.event_id as string),
    room_id: roomId,
    origin_server_ts,
  };
}
