import type { NewRoom, TimelinePage } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent } from '../../../src/rooms/event.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

type Page = Promise<TimelinePage | undefined>;

/** Looks whether the room is there, waits, and creates it. */
export class ChecksThenCreates extends ReferenceStorage {
  override async createRoom(room: NewRoom): Promise<'created' | 'exists'> {
    if (this.rooms.has(room.roomId)) return 'exists';
    await pause();
    this.rooms.delete(room.roomId);
    return super.createRoom(room).then(() => 'created');
  }
}

/** Creates the room, and then adds its state event by event. */
export class CreatesPieceByPiece extends ReferenceStorage {
  override async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const result = await super.createRoom({ roomId, state: state.slice(0, 1) });
    if (result === 'exists') return result;
    for (const event of state.slice(1)) await this.putState({ ...event, room_id: roomId });
    return result;
  }
}

/** Adds the new state to a room that exists. */
export class MergesIntoExistingRooms extends ReferenceStorage {
  override async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const result = await super.createRoom({ roomId, state });
    if (result === 'created') return result;
    for (const event of state) await this.putState({ ...event, room_id: roomId });
    return result;
  }
}

/** Begins anew whenever it is migrated. */
export class DropsTables extends ReferenceStorage {
  override async migrate(): Promise<void> {
    this.rooms.clear();
  }
}

/** Fails when another process is migrating. */
export class MigratesAlone extends ReferenceStorage {
  isMigrating: boolean = false;

  override async migrate(): Promise<void> {
    if (this.isMigrating) throw new Error('table rooms already exists');
    this.isMigrating = true;
    await pause();
    this.isMigrating = false;
  }
}

/** Makes a room of any event. */
export class PutsIntoUnknownRooms extends ReferenceStorage {
  override async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    if (!this.rooms.has(event.room_id)) await this.createRoom({ roomId: event.room_id, state: [] });
    return super.putState(event);
  }
}

/** Takes an event with the content that is current for one that it has. */
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

/** Orders its log by the events' clocks. */
export class OrdersByClock extends ReferenceStorage {
  override async timeline(roomId: string, { after = 0, limit = 100 } = {}): Page {
    const log = this.rooms
      .get(roomId)
      ?.log.toSorted((one, other) => one.origin_server_ts - other.origin_server_ts);
    const events = log?.slice(after, after + limit);
    return events && { events, next: after + events.length };
  }
}

/** Numbers events when they come and not when they are committed, as a database sequence does. */
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

/** Has no limit of its own. */
export class HasNoDefaultLimit extends ReferenceStorage {
  override timeline(roomId: string, { after = 0, limit = 1_000 } = {}): Page {
    return super.timeline(roomId, { after, limit });
  }
}

/** Begins anew behind an empty page. */
export class ForgetsThePosition extends ReferenceStorage {
  override async timeline(...call: Parameters<ReferenceStorage['timeline']>): Page {
    const page = await super.timeline(...call);
    return page?.events.length === 0 ? { events: [], next: 0 } : page;
  }
}

/** Answers an unknown room with an empty log. */
export class EmptyLogForUnknownRooms extends ReferenceStorage {
  override async timeline(...call: Parameters<ReferenceStorage['timeline']>): Page {
    return (await super.timeline(...call)) ?? { events: [], next: 0 };
  }
}
