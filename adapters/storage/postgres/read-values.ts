import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import { copyOfKeys, keysByText } from '../shared/state-key.ts';
import { presentRows, toStripped } from './rows.ts';
import { toStoredText } from './text.ts';

/** The keys of a room that somebody wants to know. */
export type Read = { readonly roomId: string; readonly keys: readonly StateKey[] };

/** What `readState` takes: the rooms, and the keys with the number of their room, from 1 on. */
export function readValues(reads: readonly Read[]): unknown[] {
  const rooms: number[] = [];
  const types: string[] = [];
  const stateKeys: string[] = [];
  for (const [index, { keys }] of reads.entries()) {
    for (const { type, state_key } of keysByText(keys).values()) {
      rooms.push(index + 1);
      types.push(toStoredText(type));
      stateKeys.push(toStoredText(state_key));
    }
  }
  return [reads.map(({ roomId }) => toStoredText(roomId)), rooms, types, stateKeys];
}

/** What each has read; undefined where there is no such room. */
export function snapshotsOf(
  reads: readonly Read[],
  rows: readonly Record<string, unknown>[],
): (StateSnapshot | undefined)[] {
  const rowsOfRoom = new Map<unknown, Record<string, unknown>[]>();
  for (const row of rows) {
    const others = rowsOfRoom.get(row.room);
    if (others === undefined) rowsOfRoom.set(row.room, [row]);
    else others.push(row);
  }
  return reads.map(({ roomId, keys }, index) => {
    const ofRoom = rowsOfRoom.get(index + 1);
    if (ofRoom === undefined) return undefined;
    const events = presentRows(ofRoom).map(toStripped);
    return { roomId, keys: copyOfKeys(keys), events, revision: undefined };
  });
}
