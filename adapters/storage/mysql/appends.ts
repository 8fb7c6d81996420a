import type { StateKey } from '../../../src/rooms/event.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import type { Append, Appended } from '../shared/append-lanes.ts';
import { newEventId } from '../shared/event-id.ts';
import { eventUnder } from '../shared/same-state.ts';
import { nameOf } from '../shared/state-key.ts';
import { toStoredText } from '../shared/stored-text.ts';
import { idBytes, jsonBytes, numberAt, storedBytes } from './encoding.ts';
import { isConflict, isDuplicate, RoomBusyError } from './failures.ts';
import type { Row, Session } from './session.ts';
import { STALE, type Statements } from './statements.ts';

/** The maximum number of tries. A try fails only if another change of one of its rooms is committed first. */
const MAX_TRIES = 100;

/** A room at the moment of the comparison, and what the batch adds to it. */
type Room = { position: number; readonly hasDomain: boolean; readonly changed: Set<string> };

/** What became of each append if the rows are inserted. */
type Plan = { readonly rows: unknown[][]; readonly outcomes: readonly Appended[] };

/**
 * Stores the events whose bases still hold, in one insert. If another process changes one of the rooms meanwhile, the
 * insert stores nothing: all of them are compared again.
 *
 * @param waits false to return `busy` for the appends instead, because those to other rooms should not wait
 */
export async function sendAppends(
  session: Session,
  statements: Statements,
  appends: readonly Append[],
  waits: boolean,
): Promise<readonly Appended[]> {
  let before: Plan | undefined;
  for (let tries = 1; ; tries += 1) {
    const plan = planOf(appends, await session.select(statements.compareBases, basesOf(appends)));
    if (plan.rows.length === 0) return plan.outcomes;
    try {
      await session.change(statements.insert, [plan.rows]);
      return plan.outcomes;
    } catch (error) {
      if (!isConflict(error)) throw error;
      // A unique key of the host app.
      if (isDuplicate(error) && before !== undefined && hasSamePositions(before, plan)) throw error;
      if (!waits) return appends.map(() => 'busy');
      if (tries === MAX_TRIES) throw new RoomBusyError(error);
    }
    before = plan;
  }
}

/** Returns the row of an event, without checking anything but lengths. */
export function rowOf(event: Append['event'], content: string, position: number, eventId: string): unknown[] {
  return [
    idBytes('room_id', event.room_id),
    position,
    idBytes('type', event.type),
    idBytes('state_key', event.state_key),
    storedBytes(eventId),
    idBytes('sender', event.sender),
    event.origin_server_ts,
    Buffer.from(content),
  ];
}

/** Returns the values of `compareBases`. A key without an event has an empty event ID. */
function basesOf(appends: readonly Append[]): unknown[] {
  const bases = appends.map(({ event, basis }) => [
    toStoredText(event.room_id),
    basis.keys.map((key) => [
      toStoredText(key.type),
      toStoredText(key.state_key),
      toStoredText(eventUnder(basis.events, key)?.event_id ?? ''),
    ]),
  ]);
  return [jsonBytes(roomIdsOf(appends).map(toStoredText)), jsonBytes(bases)];
}

function planOf(appends: readonly Append[], compared: readonly Row[]): Plan {
  const rooms = new Map<string, Room>();
  const stale = new Set<number>();
  const roomIds = roomIdsOf(appends);
  for (const row of compared) {
    const index = numberAt(row, 1) - 1;
    const roomId = roomIds[index];
    if (row[0]?.[0] === STALE) stale.add(index);
    else if (roomId !== undefined && row[2] !== null) {
      rooms.set(roomId, {
        position: numberAt(row, 2),
        hasDomain: numberAt(row, 3) === 1,
        changed: new Set(),
      });
    }
  }
  const rows: unknown[][] = [];
  const outcomes = appends.map(({ event, content, basis }, index): Appended => {
    const room = rooms.get(event.room_id);
    if (room === undefined || stale.has(index) || basis.keys.some((key) => hasChanged(room, key)))
      return 'stale';
    room.position += 1;
    room.changed.add(nameOf(event));
    const eventId = newEventId(event.sender, undefined);
    const withDomain = room.hasDomain ? `${eventId}:${domainOf(event.sender) ?? ''}` : eventId;
    rows.push(rowOf(event, content, room.position, withDomain));
    return { eventId: withDomain };
  });
  return { rows, outcomes };
}

/** Returns true if an earlier append of the batch has changed the key. */
function hasChanged({ changed }: Room, key: StateKey): boolean {
  return changed.size > 0 && changed.has(nameOf(key));
}

function roomIdsOf(appends: readonly Append[]): string[] {
  return [...new Set(appends.map(({ event }) => event.room_id))];
}

function hasSamePositions(one: Plan, other: Plan): boolean {
  return (
    one.rows.length === other.rows.length &&
    one.rows.every(([, position], index) => position === other.rows[index]?.[1])
  );
}
