import type { StateEvent } from '../../../src/rooms/event.ts';
import { type StoredEvent, toStateEvent } from '../shared/stored-event.ts';
import { fromStoredText } from '../shared/stored-text.ts';

/** A row that a statement returned: the value of each column by its name. */
export type Row = Readonly<Record<string, unknown>>;

/** Returns the rows that have an event: an outer join returns a row without one for a room that has none. */
export function rowsWithEvent(rows: readonly Row[]): Row[] {
  return rows.filter(({ event_id }) => event_id !== null);
}

export function toStored(row: Row): StoredEvent {
  return {
    type: fromStoredText(row.type as string),
    state_key: fromStoredText(row.state_key as string),
    sender: fromStoredText(row.sender as string),
    event_id: fromStoredText(row.event_id as string),
    content: row.content as string,
  };
}

/** Returns the events of rows that have `origin_server_ts`. */
export function toStateEvents(roomId: string, rows: readonly Row[]): StateEvent[] {
  return rows.map((row) => toStateEvent(roomId, toStored(row), Number(row.origin_server_ts)));
}
