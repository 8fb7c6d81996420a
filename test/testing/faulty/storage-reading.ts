import type { CallContext } from '../../../src/ports/context.ts';
import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

type Read = [roomId: string, keys: readonly StateKey[], context: CallContext];
type Snapshot = Promise<StateSnapshot | undefined>;

/** Reads key by key, and waits in between. */
export class TornRead extends ReferenceStorage {
  override async readState(...[roomId, keys, context]: Read): Snapshot {
    const snapshot = await super.readState(roomId, [], context);
    if (snapshot === undefined) return undefined;
    const distinct = new Map(keys.map((key) => [this.keyText(key), key]));
    const events = [];
    for (const key of distinct.values())
      events.push(...((await super.readState(roomId, [key], context))?.events ?? []));
    return { ...snapshot, keys, events };
  }
}

/** Reads power levels and members with separate queries, and waits for a connection in between. */
export class TwoQueries extends ReferenceStorage {
  override async readState(...[roomId, keys, context]: Read): Snapshot {
    const members = await super.readState(
      roomId,
      keys.filter(({ type }) => type === 'm.room.member'),
      context,
    );
    for (let turns = 0; turns < 3; turns += 1) await pause();
    const others = await super.readState(
      roomId,
      keys.filter(({ type }) => type !== 'm.room.member'),
      context,
    );
    return members && others && { ...others, keys, events: [...members.events, ...others.events] };
  }
}

/** Returns its own objects. */
export class ReturnsInternalObjects extends ReferenceStorage {
  override async readState(...[roomId, keys]: Read): Snapshot {
    await pause();
    const room = this.rooms.get(roomId);
    return (
      room && { roomId, keys, events: keys.flatMap((key) => this.current(room, key) ?? []), revision: 1 }
    );
  }
}

/** Stores the caller's object. */
export class StoresTheCallersObject extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    const stored = Object.assign(event, { event_id: super.store(room, event) });
    room.current.set(this.keyText(event), stored);
    room.log.splice(-1, 1, stored);
    return stored.event_id;
  }
}

/** Treats an unknown room like an empty one. */
export class EmptyForUnknownRooms extends ReferenceStorage {
  override async readState(...[roomId, keys, context]: Read): Snapshot {
    return (
      (await super.readState(roomId, keys, context)) ?? { roomId, keys, events: [], revision: undefined }
    );
  }
}

/** Treats a room without the requested state like an unknown one. */
export class UndefinedForNoEvents extends ReferenceStorage {
  override async readState(...call: Read): Snapshot {
    const snapshot = await super.readState(...call);
    return snapshot?.events.length === 0 ? undefined : snapshot;
  }
}

/** Stores its rooms in a plain object, which inherits other properties. */
export class RoomsInAPlainObject extends ReferenceStorage {
  override async readState(...[roomId, keys]: Read): Snapshot {
    await pause();
    const rooms: Record<string, ReferenceRoom> = Object.fromEntries(this.rooms);
    const room = rooms[roomId];
    return (
      room && {
        roomId,
        keys,
        events: keys.flatMap((key) => room.current?.get(this.keyText(key)) ?? []),
        revision: 1,
      }
    );
  }
}

/** Scans the whole state of the room. */
export class ReadsTheWholeRoom extends ReferenceStorage {
  override current(room: ReferenceRoom, key: StateKey): StateEvent | undefined {
    const name = `${key.type} ${key.state_key}`;
    return [...room.current.values()].find(({ type, state_key }) => `${type} ${state_key}` === name);
  }
}

/** Caches what it read until its own next write. */
export class CachesReads extends ReferenceStorage {
  readonly cache = new Map<string, StateSnapshot | undefined>();

  override async readState(...[roomId, keys, context]: Read): Snapshot {
    const cacheKey = JSON.stringify([roomId, keys]);
    if (!this.cache.has(cacheKey)) this.cache.set(cacheKey, await super.readState(roomId, keys, context));
    return structuredClone(this.cache.get(cacheKey));
  }

  override store(room: ReferenceRoom, event: NewStateEvent): string {
    this.cache.clear();
    return super.store(room, event);
  }
}

/** Resolves before it has written. */
export class ResolvesBeforeItWrites extends ReferenceStorage {
  override async appendEvent(event: NewStateEvent, basis: StateSnapshot): Promise<AppendResult> {
    const room = this.rooms.get(event.room_id);
    if (room === undefined || !this.isAsShown(room, basis)) return { outcome: 'stale' };
    setTimeout(() => this.store(room, event), 5);
    return { outcome: 'appended', eventId: '$soon' };
  }
}

/** A map that writes to its disk later. Only what is on the disk survives cloning. */
class WriteBehindMap<Key, Value> extends Map<Key, Value> {
  readonly pending = new Map<Key, Value>();

  constructor(written: ReadonlyMap<Key, Value>) {
    super();
    for (const [key, value] of written) super.set(key, value);
  }

  override get(key: Key): Value | undefined {
    return this.pending.get(key) ?? super.get(key);
  }

  override set(key: Key, value: Value): this {
    this.pending.set(key, value);
    return this;
  }
}

/** Resolves appended while the event is only in memory. */
export class WritesBehind extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    if (!(room.current instanceof WriteBehindMap)) room.current = new WriteBehindMap(room.current);
    return super.store(room, event);
  }
}
