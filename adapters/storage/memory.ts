import type { CallContext } from '../../src/ports/context.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../src/ports/storage.ts';
import type { JsonObject, NewStateEvent, StateEvent, StateKey } from '../../src/rooms/event.ts';
import { throwIfLate } from './shared/deadline.ts';
import { newEventId } from './shared/event-id.ts';
import { checkBasis, sameState } from './shared/same-state.ts';
import { CREATE_KEY, copyOfKeys } from './shared/state-key.ts';
import { StoredEvent } from './shared/stored-event.ts';
import { timelineOptions } from './shared/timeline-options.ts';

/**
 * Rooms in the memory of one process, for trying things out and for tests: they are gone when the process ends,
 * and no other process sees them.
 *
 * Every method does its work before it first gives way to other code, and so needs no lock.
 */
export class MemoryStorage implements RoomStore {
  readonly #rooms = new Map<string, Room>();

  /** There is nothing to prepare. */
  async migrate(): Promise<void> {}

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    if (this.#rooms.has(roomId)) return 'exists';
    const room = new Room();
    for (const event of state) room.add({ ...event, room_id: roomId });
    this.#rooms.set(roomId, room);
    return 'created';
  }

  async readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    throwIfLate(context);
    const room = this.#rooms.get(roomId);
    if (room === undefined) return undefined;
    const events = room.current(keys).map((event) => event.toStripped());
    return { roomId, keys: copyOfKeys(keys), events, revision: undefined };
  }

  async appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    checkBasis(event, basis);
    throwIfLate(context);
    const room = this.#rooms.get(event.room_id);
    if (room === undefined || !sameState(basis, room.current(basis.keys))) return { outcome: 'stale' };
    return { outcome: 'appended', eventId: room.add(event) };
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const room = this.#rooms.get(event.room_id);
    return room && { eventId: room.add(event) };
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return this.#rooms.get(roomId)?.state();
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#rooms.get(roomId)?.page(after, limit);
  }
}

/** One room: its log, and what of it is current. A position in the log is the number of events up to it. */
class Room {
  readonly #log: StoredEvent[] = [];
  /**
   * By type, then state key: a text of both would have to be made and hashed for each look-up, which takes a fifth of
   * a read and an append.
   */
  readonly #current = new Map<string, Map<string, StoredEvent>>();
  #createContent: JsonObject | undefined;

  add({ room_id, type, state_key, sender, origin_server_ts, content }: NewStateEvent): string {
    const contentText = JSON.stringify(content);
    const isCreate = type === CREATE_KEY.type && state_key === CREATE_KEY.state_key;
    // Read once, and from the text: the caller's own object may change.
    if (isCreate) this.#createContent = JSON.parse(contentText) as JsonObject;
    const event_id = newEventId(sender, this.#createContent);
    const event = new StoredEvent(
      { room_id, type, state_key, sender, origin_server_ts, event_id },
      contentText,
    );
    const ofType = this.#current.get(type) ?? new Map<string, StoredEvent>();
    this.#current.set(type, ofType.set(state_key, event));
    this.#log.push(event);
    return event_id;
  }

  current(keys: readonly StateKey[]): StoredEvent[] {
    const found = new Set<StoredEvent>();
    for (const key of keys) {
      const event = this.#under(key);
      if (event !== undefined) found.add(event);
    }
    return [...found];
  }

  state(): StateEvent[] {
    return this.#log.filter((event) => this.#under(event) === event).map((event) => event.toStateEvent());
  }

  page(after: number, limit: number): TimelinePage {
    const events = this.#log.slice(after, after + limit).map((event) => event.toStateEvent());
    return { events, next: after + events.length };
  }

  #under({ type, state_key }: StateKey): StoredEvent | undefined {
    return this.#current.get(type)?.get(state_key);
  }
}
