import type { CallContext } from '../../../src/ports/context.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import { type Connections, Lane, SHARED_PATIENCE_MS } from '../shared/lane.ts';
import type { RememberedState } from '../shared/remembered-state.ts';
import { uniqueKeys } from '../shared/state-key.ts';
import type { StoredEvent } from '../shared/stored-event.ts';
import { toStoredText } from '../shared/stored-text.ts';
import { jsonBytes, numberAt, toStored } from './encoding.ts';
import type { Row, Session } from './session.ts';
import type { Statements } from './statements.ts';

type Read = { readonly roomId: string; readonly keys: readonly StateKey[] };

/** The reads of this process. Reads that wait together share a statement. */
export class Reads {
  readonly #lane: Lane<Session, Read, StateSnapshot | undefined>;

  /** @param remembered makes the snapshots */
  constructor(
    connections: Connections<Session>,
    { readState }: Statements,
    remembered: RememberedState<StoredEvent>,
  ) {
    this.#lane = new Lane(
      connections,
      async (session, reads) =>
        snapshotsOf(reads, await session.select(readState, [jsonBytes(reads.map(toValue))]), remembered),
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

function toValue({ roomId, keys }: Read): unknown {
  const pairs = Array.from(uniqueKeys(keys), ({ type, state_key }) => [
    toStoredText(type),
    toStoredText(state_key),
  ]);
  return [toStoredText(roomId), pairs];
}

/** Returns the snapshot of each read; undefined for an unknown room. */
function snapshotsOf(
  reads: readonly Read[],
  rows: readonly Row[],
  remembered: RememberedState<StoredEvent>,
): (StateSnapshot | undefined)[] {
  const found: (StoredEvent[] | undefined)[] = reads.map(() => undefined);
  for (const row of rows) {
    const [, firstPosition, type] = row;
    if (firstPosition === null) continue;
    const index = numberAt(row, 0) - 1;
    found[index] ??= [];
    if (type !== null) found[index].push(toStored(row, 2));
  }
  return reads.map(({ roomId, keys }, index) => {
    const ofRoom = found[index];
    return ofRoom && remembered.snapshot(roomId, keys, ofRoom);
  });
}
