import type { CallContext } from '../../../src/ports/context.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import { Lane, SHARED_PATIENCE_MS } from '../shared/lane.ts';
import type { RememberedState } from '../shared/remembered-state.ts';
import { uniqueKeys } from '../shared/state-key.ts';
import type { StoredEvent } from '../shared/stored-event.ts';
import { toStoredText } from '../shared/stored-text.ts';
import { type Row, rowsWithEvent, toStored } from './encoding.ts';
import { connectionsOf, type PostgresClient, type PostgresPool } from './pool.ts';
import type { Statements } from './statements.ts';

type Read = { readonly roomId: string; readonly keys: readonly StateKey[] };

/** The reads of this process. Reads that wait together share a statement. */
export class Reads {
  readonly #lane: Lane<PostgresClient, Read, StateSnapshot | undefined>;

  /** @param remembered makes the snapshots */
  constructor(pool: PostgresPool, statements: Statements, remembered: RememberedState<StoredEvent>) {
    this.#lane = new Lane(
      connectionsOf(pool),
      async (client, reads) =>
        snapshotsOf(reads, await statements.run(client, 'readState', readValues(reads)), remembered),
      { patienceMs: SHARED_PATIENCE_MS },
    );
  }

  /**
   * @param context ends the wait for a statement; a read that was sent is not interrupted
   * @throws {StorageUnavailableError} (rejects)
   */
  read(read: Read, context: CallContext): Promise<StateSnapshot | undefined> {
    return this.#lane.send(read, context);
  }
}

/** Returns the values of the statement `readState`: the rooms, and the keys with the number of their room, from 1. */
function readValues(reads: readonly Read[]): unknown[] {
  const rooms: number[] = [];
  const types: string[] = [];
  const stateKeys: string[] = [];
  for (const [index, { keys }] of reads.entries()) {
    for (const { type, state_key } of uniqueKeys(keys)) {
      rooms.push(index + 1);
      types.push(toStoredText(type));
      stateKeys.push(toStoredText(state_key));
    }
  }
  return [reads.map(({ roomId }) => toStoredText(roomId)), rooms, types, stateKeys];
}

/** Returns the snapshot of each read; undefined for an unknown room. */
function snapshotsOf(
  reads: readonly Read[],
  rows: readonly Row[],
  remembered: RememberedState<StoredEvent>,
): (StateSnapshot | undefined)[] {
  const rowsByRoom = new Map<unknown, Row[]>();
  for (const row of rows) {
    const ofSameRoom = rowsByRoom.get(row.room);
    if (ofSameRoom === undefined) rowsByRoom.set(row.room, [row]);
    else ofSameRoom.push(row);
  }
  return reads.map(({ roomId, keys }, index) => {
    const ofRoom = rowsByRoom.get(String(index + 1));
    if (ofRoom === undefined) return undefined;
    const stored = rowsWithEvent(ofRoom).map(toStored);
    return remembered.snapshot(roomId, keys, stored);
  });
}
