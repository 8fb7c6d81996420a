import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { copyOfKeys, isSameKey, nameOf } from './state-key.ts';

/** The maximum number of rooms in memory. The room that was used least recently is forgotten first. */
const MAX_ROOMS = 10_000;

/** The maximum size of all rooms together, in characters of JSON and of IDs. */
const MAX_SIZE = 8 * 2 ** 20;

/** The maximum number of members of one room, so that a large room takes no more memory than a small one. */
const MAX_MEMBERS = 64;

/** The overhead of one event's objects and map entries, in the unit of `MAX_SIZE`. */
const SIZE_OF_OBJECTS = 200;

type Room<Stored> = {
  /** Every key that was read, except for members; undefined where no event was found. */
  readonly shared: Map<string, Stored | undefined>;
  /** The members that were seen last, by user ID. */
  readonly members: Map<string, Stored>;
  size: number;
};

/** How a store keeps its events in memory. */
export type EventForm<Stored> = {
  /** Makes a new event, which shares nothing mutable with `stored`. */
  toEvent(stored: Stored): StrippedStateEvent;
  /** Returns the number of characters of the content. */
  sizeOf(stored: Stored): number;
};

/** What a read has found, as the revision of its snapshot. Callers cannot look inside. */
class Found<Stored> {
  readonly #events: readonly Stored[];

  constructor(events: readonly Stored[]) {
    this.#events = events;
  }

  /** Returns undefined for any other revision. */
  static events<Stored>(revision: unknown): readonly Stored[] | undefined {
    return typeof revision === 'object' && revision !== null && #events in revision
      ? (revision as unknown as Found<Stored>).#events
      : undefined;
  }
}

/** The revision of a snapshot that was recalled: an append on it proves only what is remembered already. */
export const RECALLED = Symbol('recalled');

/**
 * The state of rooms as this process last saw it, for `recall` of a storage adapter. What it returns may be out of date:
 * the store compares it when an event is appended.
 *
 * A room is remembered once an event was appended to it, not when it is read: otherwise, the time of a refusal would tell
 * an outsider whether the room exists.
 *
 * @typeParam Stored an event as the store returns it, which nothing changes
 */
export class RememberedState<Stored extends StateKey> {
  readonly #form: EventForm<Stored>;
  /** In the order in which the rooms were last used. */
  readonly #rooms = new Map<string, Room<Stored>>();
  #size = 0;

  constructor(form: EventForm<Stored>) {
    this.#form = form;
  }

  /** Returns the snapshot of a read. It remembers nothing yet. */
  snapshot(roomId: string, keys: readonly StateKey[], found: readonly Stored[]): StateSnapshot {
    const events = found.map((stored) => this.#form.toEvent(stored));
    return { roomId, keys: copyOfKeys(keys), events, revision: new Found(found) };
  }

  /**
   * Remembers an event that was appended, and the basis that it has proved.
   *
   * @param found the events under the keys of the basis; default: those that the read of the basis has found
   */
  appended(
    { roomId, keys, revision }: StateSnapshot,
    event: Stored,
    found = Found.events<Stored>(revision),
  ): void {
    if (found !== undefined) {
      const room = this.#rooms.get(roomId) ?? { shared: new Map(), members: new Map(), size: 0 };
      for (const key of keys) {
        this.#set(
          room,
          key,
          found.find((stored) => isSameKey(stored, key)),
        );
      }
      this.#use(roomId, room);
    }
    this.stored(roomId, event);
  }

  /** Remembers an event that this process has stored, if it remembers the room. */
  stored(roomId: string, event: Stored): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    this.#set(room, event, event);
    this.#makeSpace();
  }

  /** Forgets a room, because something in it has changed. */
  forget(roomId: string): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    this.#rooms.delete(roomId);
    this.#size -= room.size;
  }

  /**
   * Returns the state under some keys as this process last saw it. A member that it has not seen counts as absent.
   *
   * @returns undefined if it has not seen the room, or another of the keys
   */
  recall(roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return undefined;
    const events: StrippedStateEvent[] = [];
    for (const key of keys) {
      const stored = find(room, key);
      if (stored === UNSEEN) return undefined;
      if (stored !== undefined) events.push(this.#form.toEvent(stored));
    }
    this.#use(roomId, room);
    return { roomId, keys: copyOfKeys(keys), events, revision: RECALLED };
  }

  #set(room: Room<Stored>, key: StateKey, stored: Stored | undefined): void {
    if (key.type !== MEMBER) {
      const name = nameOf(key);
      if (room.shared.has(name)) this.#resize(room, -this.#sizeOf(key, room.shared.get(name)));
      room.shared.set(name, stored);
      this.#resize(room, this.#sizeOf(key, stored));
      return;
    }
    this.#removeMember(room, key.state_key);
    if (stored === undefined) return;
    room.members.set(key.state_key, stored);
    this.#resize(room, this.#sizeOf(key, stored));
    if (room.members.size <= MAX_MEMBERS) return;
    for (const userId of room.members.keys()) {
      this.#removeMember(room, userId);
      return;
    }
  }

  #removeMember(room: Room<Stored>, userId: string): void {
    const stored = room.members.get(userId);
    if (stored === undefined) return;
    room.members.delete(userId);
    this.#resize(room, -this.#sizeOf(stored, stored));
  }

  #resize(room: Room<Stored>, difference: number): void {
    room.size += difference;
    this.#size += difference;
  }

  #sizeOf({ type, state_key }: StateKey, stored: Stored | undefined): number {
    const content = stored === undefined ? 0 : this.#form.sizeOf(stored);
    return SIZE_OF_OBJECTS + type.length + state_key.length + content;
  }

  #use(roomId: string, room: Room<Stored>): void {
    this.#rooms.delete(roomId);
    this.#rooms.set(roomId, room);
  }

  #makeSpace(): void {
    for (const roomId of this.#rooms.keys()) {
      if (this.#rooms.size <= MAX_ROOMS && this.#size <= MAX_SIZE) return;
      this.forget(roomId);
    }
  }
}

const MEMBER = 'm.room.member';

/** Differs from `undefined`, which means that there is no event. */
const UNSEEN = Symbol('unseen');

function find<Stored>(room: Room<Stored>, key: StateKey): Stored | undefined | typeof UNSEEN {
  if (key.type !== MEMBER) {
    const name = nameOf(key);
    const stored = room.shared.get(name);
    return stored !== undefined || room.shared.has(name) ? stored : UNSEEN;
  }
  const stored = room.members.get(key.state_key);
  if (stored === undefined) return undefined;
  // The members that invite stay; those that are invited once make space.
  room.members.delete(key.state_key);
  room.members.set(key.state_key, stored);
  return stored;
}
