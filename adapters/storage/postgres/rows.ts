import type {
  JsonObject,
  NewStateEvent,
  StateEvent,
  StateSnapshot,
  StrippedStateEvent,
} from '../../../src/ports/storage.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { newEventId } from '../shared/event-id.ts';
import { keyText } from '../shared/state-key.ts';
import { fromStoredText, toStoredText } from './text.ts';

type Row = Record<string, unknown>;

/** The values of one event without its room, in the order in which the statements take them. */
export function eventValues(event: NewStateEvent): unknown[] {
  return [
    newEventId(event.sender, undefined),
    toStoredText(domainOf(event.sender) ?? ''),
    toStoredText(event.type),
    toStoredText(event.state_key),
    toStoredText(event.sender),
    event.origin_server_ts,
    JSON.stringify(event.content),
  ];
}

/** The keys of a basis as columns: types, state keys, and the event id of each key that has one. */
export function basisColumns({ keys, events }: StateSnapshot): readonly (readonly (string | null)[])[] {
  const eventIds = new Map(events.map((event) => [keyText(event), event.event_id]));
  return [
    keys.map(({ type }) => toStoredText(type)),
    keys.map(({ state_key }) => toStoredText(state_key)),
    keys.map((key) => {
      const eventId = eventIds.get(keyText(key));
      return eventId === undefined ? null : toStoredText(eventId);
    }),
  ];
}

/** Rows as columns. */
export function columnsOf(rows: readonly (readonly unknown[])[]): unknown[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}

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
