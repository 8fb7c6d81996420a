import { StorageUnavailableError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { AppendResult, StateSnapshot, TimelinePage } from '../../../src/ports/storage.ts';
import type { JsonObject, NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

type Read = [roomId: string, keys: readonly StateKey[], context: CallContext];
type Append = [event: NewStateEvent, basis: StateSnapshot, context: CallContext];
type Snapshot = Promise<StateSnapshot | undefined>;

/** Updates the memberships of a user in all rooms: its WHERE names no room. */
export class InvitesIntoEveryRoom extends ReferenceStorage {
  override async appendEvent(...append: Append): Promise<AppendResult> {
    const result = await super.appendEvent(...append);
    const [event] = append;
    for (const room of result.outcome === 'appended' ? this.rooms.values() : [])
      if (this.current(room, event) !== undefined) this.store(room, event);
    return result;
  }
}

/** Replaces the whole row of a member, with its role. */
export class ResetsTheRole extends ReferenceStorage {
  override async appendEvent(...append: Append): Promise<AppendResult> {
    const result = await super.appendEvent(...append);
    const [{ room_id, state_key }] = append;
    const room = this.rooms.get(room_id);
    const levels = room && this.current(room, { type: 'm.room.power_levels', state_key: '' });
    const users = levels?.content.users as JsonObject | undefined;
    if (room !== undefined && levels !== undefined && users?.[state_key] !== undefined) {
      const { [state_key]: _, ...others } = users;
      this.store(room, { ...levels, content: { ...levels.content, users: others } });
    }
    return result;
  }
}

/** Keeps the room of a call in a field. */
export class ReadsTheLastRoom extends ReferenceStorage {
  #roomId = '';

  override async readState(...[roomId, keys, context]: Read): Snapshot {
    this.#roomId = roomId;
    await pause();
    return super.readState(this.#roomId, keys, context);
  }
}

/** Reads the rows of all waiting calls at once, and tells them apart by their keys alone. */
export class JoinsReadsByKey extends ReferenceStorage {
  readonly #found = new Map<string, StateEvent | undefined>();

  override async readState(...[roomId, keys, context]: Read): Snapshot {
    const room = this.rooms.get(roomId);
    for (const key of keys) this.#found.set(this.keyText(key), room && this.current(room, key));
    const snapshot = await super.readState(roomId, keys, context);
    const found = new Set(keys.flatMap((key) => this.#found.get(this.keyText(key)) ?? []));
    const events = [...found].map(({ room_id: _, origin_server_ts: __, ...event }) => this.copy(event));
    return snapshot && { ...snapshot, events };
  }
}

/** Keeps the content of a call in a field. */
export class AppendsTheLastContent extends ReferenceStorage {
  #content: JsonObject = {};

  override async appendEvent(...[event, basis, context]: Append): Promise<AppendResult> {
    this.#content = event.content;
    await pause();
    return super.appendEvent({ ...event, content: this.#content }, basis, context);
  }
}

/** Gives no connection back when the host app refuses an event. */
export class LosesAConnectionForEachRefusal extends ReferenceStorage {
  #connections = 50;

  override refuse(): void {
    this.#connections -= 1;
  }

  override async appendEvent(...append: Append): Promise<AppendResult> {
    if (this.#connections <= 0) throw new StorageUnavailableError('no free connection');
    return super.appendEvent(...append);
  }
}

/** Caches the events that it has found, until its own next write. It reads again what it has not found. */
export class CachesWhatItHasFound extends ReferenceStorage {
  readonly #cache = new Map<string, StateEvent>();

  override async readState(...read: Read): Snapshot {
    const [roomId, keys] = read;
    const snapshot = await super.readState(...read);
    const room = this.rooms.get(roomId);
    const events = keys.flatMap((key) => {
      const name = JSON.stringify([roomId, this.keyText(key)]);
      const event = this.#cache.get(name) ?? (room && this.current(room, key));
      if (event !== undefined) this.#cache.set(name, event);
      return event ?? [];
    });
    return snapshot && { ...snapshot, events: structuredClone([...new Set(events)]) };
  }

  override store(room: ReferenceRoom, event: NewStateEvent): string {
    this.#cache.clear();
    return super.store(room, event);
  }
}

/** A map that writes replacements to its disk later. Only what is on the disk survives cloning. */
class ReplacesLater extends Map<string, StateEvent> {
  readonly #replaced = new Map<string, StateEvent>();

  constructor(written: ReadonlyMap<string, StateEvent>) {
    super();
    for (const [name, event] of written) super.set(name, event);
  }

  override get(name: string): StateEvent | undefined {
    return this.#replaced.get(name) ?? super.get(name);
  }

  override set(name: string, event: StateEvent): this {
    if (!super.has(name)) return super.set(name, event);
    this.#replaced.set(name, event);
    return this;
  }
}

/** Inserts at once, and updates later. */
export class LosesReplacementsInACrash extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    if (!(room.current instanceof ReplacesLater)) room.current = new ReplacesLater(room.current);
    return super.store(room, event);
  }
}

/** Drops members that are null, as columns do. */
export class DropsNulls extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    const members = Object.entries(event.content).filter(([, value]) => value !== null);
    return super.store(room, { ...event, content: Object.fromEntries(members) });
  }
}

/** Looks for the part of a room ID before the server, which a pattern has checked to be well-formed. */
export class IgnoresTheServerOfRooms extends ReferenceStorage {
  override readState(...[roomId, keys, context]: Read): Snapshot {
    const [, name] = /^(!room-[0-9a-f-]{36}):[a-z]+\.[a-z]+$/.exec(roomId) ?? [];
    return super.readState(name === undefined ? roomId : `${name}:example.org`, keys, context);
  }
}

/** Logs what it appends in its own process. */
export class LogsInEachProcess extends ReferenceStorage {
  readonly #logged: StateEvent[] = [];

  override async appendEvent(...append: Append): Promise<AppendResult> {
    const result = await super.appendEvent(...append);
    if (result.outcome === 'appended')
      this.#logged.push(...(this.rooms.get(append[0].room_id)?.log.splice(-1) ?? []));
    return result;
  }

  override async timeline(
    roomId: string,
    { after = 0, limit = 100 }: { after?: number; limit?: number } = {},
  ): Promise<TimelinePage | undefined> {
    const log = this.rooms.get(roomId)?.log;
    const events = log && [...log, ...this.#logged].slice(after, after + limit);
    return events && { events: structuredClone(events), next: after + events.length };
  }
}
