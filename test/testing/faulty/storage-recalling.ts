import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import { ReferenceStorage } from '../reference/storage.ts';

type Recalled = StateSnapshot | undefined;

/** Reads instead of remembering. */
export class RecallReads extends ReferenceStorage {
  override recall(roomId: string, keys: readonly StateKey[]): Recalled {
    const context = { signal: new AbortController().signal };
    return super.readState(roomId, keys, context) as unknown as Recalled;
  }
}

/** Returns an empty snapshot for a room that it has not seen. */
export class RecallsUnknownRooms extends ReferenceStorage {
  override recall(roomId: string, keys: readonly StateKey[]): Recalled {
    return super.recall(roomId, keys) ?? { roomId, keys, events: [], revision: undefined };
  }
}

/** Takes every key that it has not seen for absent. */
export class RecallsUnseenKeys extends ReferenceStorage {
  override recall(roomId: string, keys: readonly StateKey[]): Recalled {
    const room = this.remembered.get(roomId);
    for (const key of keys) if (!room?.has(this.keyText(key))) room?.set(this.keyText(key), undefined);
    return super.recall(roomId, keys);
  }
}

/** Keeps what it has seen for ever. */
export class NeverForgets extends ReferenceStorage {
  override async appendEvent(...append: Parameters<ReferenceStorage['appendEvent']>): Promise<AppendResult> {
    const [{ room_id }] = append;
    const seen = this.remembered.get(room_id);
    const result = await super.appendEvent(...append);
    if (seen !== undefined) this.remembered.set(room_id, seen);
    return result;
  }
}

/** Does not compare a basis that it has recalled. */
export class TrustsWhatItRecalls extends ReferenceStorage {
  readonly recalled = new WeakSet<StateSnapshot>();

  override recall(roomId: string, keys: readonly StateKey[]): Recalled {
    const snapshot = super.recall(roomId, keys);
    if (snapshot !== undefined) this.recalled.add(snapshot);
    return snapshot;
  }

  override isAsShown(...[room, basis]: Parameters<ReferenceStorage['isAsShown']>): boolean {
    return this.recalled.has(basis) || super.isAsShown(room, basis);
  }
}

/** Returns the objects that it remembers. */
export class RecallsItsOwnObjects extends ReferenceStorage {
  override recall(roomId: string, keys: readonly StateKey[]): Recalled {
    const room = this.remembered.get(roomId);
    const snapshot = super.recall(roomId, keys);
    const events = keys.flatMap((key) => room?.get(this.keyText(key)) ?? []);
    return snapshot && { ...snapshot, events };
  }
}

/** Remembers the objects that a read has returned. */
export class RemembersTheCallersObjects extends ReferenceStorage {
  override async readState(...read: Parameters<ReferenceStorage['readState']>): Promise<Recalled> {
    const snapshot = await super.readState(...read);
    const seen = this.remembered.get(read[0]);
    for (const event of snapshot?.events ?? []) seen?.set(this.keyText(event), event);
    return snapshot;
  }
}
