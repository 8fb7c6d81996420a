import type { NewRoom, TimelinePage } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent } from '../../../src/rooms/event.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

type Page = Promise<TimelinePage | undefined>;

/** Checks that the room does not exist, waits, then creates it. */
export class ChecksThenCreates extends ReferenceStorage {
  override async createRoom(room: NewRoom): Promise<'created' | 'exists'> {
    if (this.rooms.has(room.roomId)) return 'exists';
    await pause();
    this.rooms.delete(room.roomId);
    return super.createRoom(room).then(() => 'created');
  }
}

/** Creates the room, then adds its state event by event. */
export class CreatesPieceByPiece extends ReferenceStorage {
  override async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const result = await super.createRoom({ roomId, state: state.slice(0, 1) });
    if (result === 'exists') return result;
    for (const event of state.slice(1)) await this.putState({ ...event, room_id: roomId });
    return result;
  }
}

/** Adds the new state to an existing room. */
export class MergesIntoExistingRooms extends ReferenceStorage {
  override async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const result = await super.createRoom({ roomId, state });
    if (result === 'created') return result;
    for (const event of state) await this.putState({ ...event, room_id: roomId });
    return result;
  }
}

/** Deletes everything on each migration. */
export class DropsTables extends ReferenceStorage {
  override async migrate(): Promise<void> {
    this.rooms.clear();
  }
}

/** Fails while another process migrates. */
export class MigratesAlone extends ReferenceStorage {
  isMigrating: boolean = false;

  override async migrate(): Promise<void> {
    if (this.isMigrating) throw new Error('table rooms already exists');
    this.isMigrating = true;
    await pause();
    this.isMigrating = false;
  }
}

/** Creates a room for an event in an unknown room. */
export class PutsIntoUnknownRooms extends ReferenceStorage {
  override async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    if (!this.rooms.has(event.room_id)) await this.createRoom({ roomId: event.room_id, state: [] });
    return super.putState(event);
  }
}

/** Ignores an event whose content equals the current one. */
export class SkipsRepeatedContent extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    const current = this.current(room, event);
    const isRepeated = JSON.stringify(current?.content) === JSON.stringify(event.content);
    return current && isRepeated ? current.event_id : super.store(room, event);
  }
}

/** Returns replaced events as well. */
export class ReturnsReplacedState extends ReferenceStorage {
  override async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return structuredClone(this.rooms.get(roomId)?.log);
  }
}

/** Orders its log by timestamps. */
export class OrdersByClock extends ReferenceStorage {
  override async timeline(roomId: string, { after = 0, limit = 100 } = {}): Page {
    const log = this.rooms
      .get(roomId)
      ?.log.toSorted((one, other) => one.origin_server_ts - other.origin_server_ts);
    const events = log?.slice(after, after + limit);
    return events && { events, next: after + events.length };
  }
}

/** Numbers events before they are committed, as a database sequence does. */
export class NumbersBeforeTheCommit extends ReferenceStorage {
  readonly positions = new Map<string, number>();
  last = 0;

  override async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    this.last += 1;
    const position = this.last;
    for (let turns = position % 5; turns > 0; turns -= 1) await pause();
    const put = await super.putState(event);
    if (put !== undefined) this.positions.set(put.eventId, position);
    return put;
  }

  override async timeline(roomId: string, { after = -1, limit = 100 } = {}): Page {
    await pause();
    const positionOf = ({ event_id }: StateEvent) => this.positions.get(event_id) ?? 0;
    const log = this.rooms.get(roomId)?.log.toSorted((one, other) => positionOf(one) - positionOf(other));
    const events = log?.filter((event) => positionOf(event) > after).slice(0, limit);
    const last = events?.at(-1);
    return events && { events, next: last === undefined ? after : positionOf(last) };
  }
}

/** Has a higher default limit. */
export class HasNoDefaultLimit extends ReferenceStorage {
  override timeline(roomId: string, { after = 0, limit = 1_000 } = {}): Page {
    return super.timeline(roomId, { after, limit });
  }
}

/** Starts over after an empty page. */
export class ForgetsThePosition extends ReferenceStorage {
  override async timeline(...call: Parameters<ReferenceStorage['timeline']>): Page {
    const page = await super.timeline(...call);
    return page?.events.length === 0 ? { events: [], next: 0 } : page;
  }
}

/** Resolves an empty log for an unknown room. */
export class EmptyLogForUnknownRooms extends ReferenceStorage {
  override async timeline(...call: Parameters<ReferenceStorage['timeline']>): Page {
    return (await super.timeline(...call)) ?? { events: [], next: 0 };
  }
}
