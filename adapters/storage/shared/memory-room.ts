import type { StateSnapshot, TimelinePage } from '../../../src/ports/storage.ts';
import type {
  JsonObject,
  NewStateEvent,
  StateEvent,
  StateKey,
  StrippedStateEvent,
} from '../../../src/rooms/event.ts';
import { newEventId } from './event-id.ts';
import { withContent } from './lazy-content.ts';
import { eventUnder, isSameEvent } from './same-state.ts';
import { CREATE_KEY, isSameKey } from './state-key.ts';

/** One room in memory: its log and its current events. A position in the log is the number of events up to it. */
export class MemoryRoom {
  readonly #log: StoredEvent[] = [];
  /**
   * By type, then by state key. A single map would need a joined string, built and hashed for each lookup, which costs
   * a fifth of a read and an append.
   */
  readonly #current = new Map<string, Map<string, StoredEvent>>();
  #createContent: JsonObject | undefined;

  /** Appends an event with a new ID, and returns the ID. */
  add(event: NewStateEvent): string {
    const contentJson = JSON.stringify(event.content);
    // Parsed from the JSON, because the caller may change its own object later.
    if (isSameKey(event, CREATE_KEY)) this.#createContent = JSON.parse(contentJson) as JsonObject;
    const eventId = newEventId(event.sender, this.#createContent);
    this.addAs(eventId, event, contentJson);
    return eventId;
  }

  /** Appends an event with a given ID. */
  addAs(eventId: string, event: NewStateEvent, contentJson: string = JSON.stringify(event.content)): void {
    const { type, state_key } = event;
    const stored = new StoredEvent(event, eventId, contentJson);
    const ofType = this.#current.get(type) ?? new Map<string, StoredEvent>();
    this.#current.set(type, ofType.set(state_key, stored));
    this.#log.push(stored);
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
