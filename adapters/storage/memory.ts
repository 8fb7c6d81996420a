import { randomUUID } from 'node:crypto';
import type { CallContext } from '../../src/ports/context.ts';
import type {
  AddressClaim,
  AddressKey,
  PendingAddressInvites,
} from '../../src/ports/pending-address-invites.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../src/ports/storage.ts';
import type { StoredAddressInvite } from '../../src/ports/third-party.ts';
import type {
  JsonObject,
  NewStateEvent,
  StateEvent,
  StateKey,
  StrippedStateEvent,
} from '../../src/rooms/event.ts';
import { throwIfAborted } from './shared/aborted.ts';
import { CLAIM_MS, isClaimed } from './shared/claim.ts';
import { newEventId } from './shared/event-id.ts';
import { withContent } from './shared/lazy-content.ts';
import { checkBasis, eventUnder, isSameEvent } from './shared/same-state.ts';
import { CREATE_KEY, copyOfKeys, isSameKey } from './shared/state-key.ts';
import { timelineOptions } from './shared/timeline-options.ts';

/**
 * Stores rooms in the memory of one process, for demos and tests. They are lost when the process ends, and no other
 * process sees them.
 *
 * Every method does its work synchronously, before it returns a promise, so it needs no lock.
 */
export class MemoryStorage implements RoomStore, PendingAddressInvites {
  readonly #rooms = new Map<string, Room>();
  readonly #addresses = new Map<string, PendingAddress>();

  /** Does nothing: there are no tables. */
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
    throwIfAborted(context);
    const room = this.#rooms.get(roomId);
    if (room === undefined) return undefined;
    const events = room.current(keys);
    return { roomId, keys: copyOfKeys(keys), events, revision: undefined };
  }

  async appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    checkBasis(event, basis);
    throwIfAborted(context);
    const room = this.#rooms.get(event.room_id);
    if (room === undefined || !room.isStill(basis)) return { outcome: 'stale' };
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
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#rooms.get(roomId)?.page(after, limit);
  }

  async claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    throwIfAborted(context);
    const name = nameOfAddress(key);
    const pending = this.#addresses.get(name);
    if (pending?.invite !== undefined) return { outcome: 'stored', invite: structuredClone(pending.invite) };
    if (pending !== undefined && isClaimed(pending.until)) return { outcome: 'inProgress' };
    const claimId = randomUUID();
    this.#addresses.set(name, { claimId, until: Date.now() + CLAIM_MS });
    return { outcome: 'claimed', claimId };
  }

  async settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    context: CallContext,
  ): Promise<StoredAddressInvite> {
    throwIfAborted(context);
    const name = nameOfAddress(key);
    const stored = this.#addresses.get(name)?.invite ?? structuredClone(invite);
    this.#addresses.set(name, { claimId, until: 0, invite: stored });
    return structuredClone(stored);
  }

  async releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void> {
    throwIfAborted(context);
    const pending = this.#addresses.get(nameOfAddress(key));
    if (pending?.claimId === claimId && pending.invite === undefined)
      this.#addresses.delete(nameOfAddress(key));
  }

  async forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    throwIfAborted(context);
    const name = nameOfAddress(key);
    if (this.#addresses.get(name)?.invite?.token === token) this.#addresses.delete(name);
  }
}

/** An address that was claimed or, with an invite, settled. */
type PendingAddress = {
  readonly claimId: string;
  /** The Unix time in milliseconds at which the claim ends. */
  readonly until: number;
  readonly invite?: StoredAddressInvite;
};

function nameOfAddress({ roomId, addressHash }: AddressKey): string {
  return `${addressHash} ${roomId}`;
}

/** One room: its log and its current events. A position in the log is the number of events up to it. */
class Room {
  readonly #log: StoredEvent[] = [];
  /**
   * By type, then by state key. A single map would need a joined string, built and hashed for each lookup, which costs
   * a fifth of a read and an append.
   */
  readonly #current = new Map<string, Map<string, StoredEvent>>();
  #createContent: JsonObject | undefined;

  add(event: NewStateEvent): string {
    const { type, state_key } = event;
    const contentJson = JSON.stringify(event.content);
    // Parsed from the JSON, because the caller may change its own object later.
    if (isSameKey(event, CREATE_KEY)) this.#createContent = JSON.parse(contentJson) as JsonObject;
    const eventId = newEventId(event.sender, this.#createContent);
    const stored = new StoredEvent(event, eventId, contentJson);
    const ofType = this.#current.get(type) ?? new Map<string, StoredEvent>();
    this.#current.set(type, ofType.set(state_key, stored));
    this.#log.push(stored);
    return eventId;
  }

  /** Returns a copy of each current event under the keys. */
  current(keys: readonly StateKey[]): StrippedStateEvent[] {
    const found: StoredEvent[] = [];
    for (const key of keys) {
      const event = this.#under(key);
      if (event !== undefined && !found.includes(event)) found.push(event);
    }
    return found.map((event) => event.toStripped());
  }

  /** Returns true if the room is as the snapshot shows it. */
  isStill({ keys, events }: StateSnapshot): boolean {
    return keys.every((key) => isSameEvent(eventUnder(events, key), this.#under(key)));
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

/**
 * A stored event. Its content stays JSON until someone reads it: comparing by event ID needs no content, and every
 * reader gets its own object.
 */
class StoredEvent implements StrippedStateEvent {
  readonly room_id: string;
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly event_id: string;
  readonly #contentJson: string;

  constructor(event: NewStateEvent, eventId: string, contentJson: string) {
    this.room_id = event.room_id;
    this.type = event.type;
    this.state_key = event.state_key;
    this.sender = event.sender;
    this.origin_server_ts = event.origin_server_ts;
    this.event_id = eventId;
    this.#contentJson = contentJson;
  }

  get content(): JsonObject {
    return JSON.parse(this.#contentJson) as JsonObject;
  }

  /** Returns a copy of what decisions need. */
  toStripped(): StrippedStateEvent {
    const { type, state_key, sender, event_id } = this;
    return withContent({ type, state_key, sender, event_id }, this.#contentJson);
  }

  /** Returns a copy of the whole event. */
  toStateEvent(): StateEvent {
    const { content } = this;
    return { ...this, content };
  }
}
