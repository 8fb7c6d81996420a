import type { NewStateEvent, StateSnapshot } from '../../../src/ports/storage.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { newEventId } from '../shared/event-id.ts';
import { keyText } from '../shared/state-key.ts';
import type { Append } from './append-queue.ts';
import { toStoredText } from './text.ts';

/** What `appendEvent` takes. */
export function appendValues({ event, basis }: Append, lockTimeoutMs: number): unknown[] {
  return [toStoredText(event.room_id), lockTimeoutMs, ...basisColumns(basis), ...eventValues(event)];
}

/** What `appendEvents` takes: events of one room. */
export function batchValues(appends: readonly Append[], lockTimeoutMs: number): unknown[] {
  const bases = appends.map(({ basis }) => basisColumns(basis));
  let last = 0;
  const rows = appends.map(({ event, basis }) => {
    const first = last + 1;
    last += basis.keys.length;
    return [first, last, ...eventValues(event)];
  });
  return [
    toStoredText(appends[0]?.event.room_id ?? ''),
    lockTimeoutMs,
    ...columnsOf(bases).map((column) => column.flat()),
    ...columnsOf(rows),
  ];
}

/** One event without its room. */
function eventValues(event: NewStateEvent): unknown[] {
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
function basisColumns({ keys, events }: StateSnapshot): readonly (readonly (string | null)[])[] {
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
function columnsOf(rows: readonly (readonly unknown[])[]): unknown[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}
