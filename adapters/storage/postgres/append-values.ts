import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { NewStateEvent } from '../../../src/rooms/event.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { newEventId } from '../shared/event-id.ts';
import { eventUnder } from '../shared/same-state.ts';
import type { Append } from './append-queue.ts';
import { toStoredText } from './text.ts';

/** How an append waits: for those who change the same room, and how long for anything that is locked. */
export type Patience = { readonly waits: boolean; readonly lockTimeoutMs: number };

/** What `appendEvent` takes. */
export function appendValues({ event, basis }: Append, { waits, lockTimeoutMs }: Patience): unknown[] {
  return [waits, lockTimeoutMs, ...basisColumns(basis), ...eventValues(event)];
}

/** What `appendEvents` takes. */
export function batchValues(appends: readonly Append[], { waits, lockTimeoutMs }: Patience): unknown[] {
  const bases = appends.map(({ basis }) => basisColumns(basis));
  let last = 0;
  const rows = appends.map(({ event, basis }) => {
    const first = last + 1;
    last += basis.keys.length;
    return [first, last, ...eventValues(event)];
  });
  return [waits, lockTimeoutMs, ...columnsOf(bases).map((column) => column.flat()), ...columnsOf(rows)];
}

function eventValues(event: NewStateEvent): unknown[] {
  return [
    toStoredText(event.room_id),
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
  return [
    keys.map(({ type }) => toStoredText(type)),
    keys.map(({ state_key }) => toStoredText(state_key)),
    keys.map((key) => {
      const eventId = eventUnder(events, key)?.event_id;
      return eventId === undefined ? null : toStoredText(eventId);
    }),
  ];
}

/** Rows as columns. */
function columnsOf(rows: readonly (readonly unknown[])[]): unknown[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}
