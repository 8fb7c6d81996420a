import { randomUUID } from 'node:crypto';
import type { CallContext } from '../../../src/ports/context.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';

export type ReferenceRoom = { current: Map<string, StateEvent>; log: StateEvent[] };

/** Lets other work run, like a store that does I/O. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The smallest correct room store. Its parts are methods, so that a faulty store can break a single one. */
export class ReferenceStorage implements RoomStore<unknown> {
  readonly rooms: Map<string, ReferenceRoom>;
  /** The events that the reads of each room have found, by their keys. */
  readonly remembered = new Map<string, Map<string, StrippedStateEvent | undefined>>();

  /** Two stores on one map are two instances on one database. */
  constructor(rooms = new Map<string, ReferenceRoom>()) {
    this.rooms = rooms;
  }

  keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type, state_key]);
  }

  copy<T>(value: T): T {
    return structuredClone(value);
  }

  current(room: ReferenceRoom, key: StateKey): StateEvent | undefined {
    return room.current.get(this.keyText(key));
  }

  isSame(before: StrippedStateEvent | undefined, now: StateEvent | undefined): boolean {
    return before?.event_id === now?.event_id;
  }

  isAsShown(room: ReferenceRoom, basis: StateSnapshot): boolean {
    const shown = new Map(basis.events.map((event) => [this.keyText(event), event]));
    return basis.keys.every((key) => this.isSame(shown.get(this.keyText(key)), this.current(room, key)));
  }

  store(room: ReferenceRoom, event: NewStateEvent): string {
    const stored: StateEvent = { ...this.copy(event), event_id: `$${randomUUID()}` };
    room.current.set(this.keyText(stored), stored);
    room.log.push(stored);
    return stored.event_id;
  }

  /** Called for each event that the host app refuses. */
  refuse(): void {}

  async migrate(): Promise<void> {
    await pause();
  }

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    await pause();
    if (this.rooms.has(roomId)) return 'exists';
    const room: ReferenceRoom = { current: new Map(), log: [] };
    for (const event of state) this.store(room, { ...event, room_id: roomId });
    this.rooms.set(roomId, room);
    return 'created';
  }

  async readState(
    roomId: string,
    keys: readonly StateKey[],
    _context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    await pause();
    const room = this.rooms.get(roomId);
    if (room === undefined) return undefined;
    const found = new Set(keys.flatMap((key) => this.current(room, key) ?? []));
    const events = [...found].map(({ room_id: _, origin_server_ts: __, ...event }) => this.copy(event));
    this.remember(roomId, keys, events);
    return { roomId, keys: structuredClone(keys), events, revision: undefined };
  }

  remember(roomId: string, keys: readonly StateKey[], events: readonly StrippedStateEvent[]): void {
    const seen = this.remembered.get(roomId) ?? new Map<string, StrippedStateEvent | undefined>();
    this.remembered.set(roomId, seen);
    for (const key of keys) seen.set(this.keyText(key), undefined);
    for (const event of events) seen.set(this.keyText(event), this.copy(event));
  }

  recall(roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
    const seen = this.remembered.get(roomId);
    const isSeen = (key: StateKey) => key.type === 'm.room.member' || seen?.has(this.keyText(key));
    if (seen === undefined || !keys.every(isSeen)) return undefined;
    const events = keys.flatMap((key) => seen.get(this.keyText(key)) ?? []).map((event) => this.copy(event));
    return { roomId, keys: structuredClone(keys), events, revision: undefined };
  }

  async appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot,
    { signal }: CallContext,
  ): Promise<AppendResult> {
    signal.throwIfAborted();
    await pause();
    const room = this.rooms.get(event.room_id);
    if (room === undefined || !this.isAsShown(room, basis)) {
      this.remembered.delete(event.room_id);
      return { outcome: 'stale' };
    }
    return { outcome: 'appended', eventId: this.store(room, event) };
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    await pause();
    const room = this.rooms.get(event.room_id);
    return room && { eventId: this.store(room, event) };
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    await pause();
    const room = this.rooms.get(roomId);
    return room && [...room.current.values()].map((event) => this.copy(event));
  }

  async timeline(
    roomId: string,
    { after = 0, limit = 100 }: { after?: number; limit?: number } = {},
  ): Promise<TimelinePage | undefined> {
    await pause();
    const events = this.rooms.get(roomId)?.log.slice(after, after + limit);
    return events && { events: this.copy(events), next: after + events.length };
  }
}
