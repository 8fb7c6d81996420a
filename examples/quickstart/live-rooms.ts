import type { Response } from 'express';
import type { RoomStore, StateEvent } from 'express-matrix-invite';
import type { RoomEvent, RoomSummary } from './demo-api.ts';
import { EventStreams } from './event-streams.ts';
import { roomEventOf, summaryOf } from './room-summary.ts';

const EVENTS_SHOWN = 20;
/** Another process that shares the file may write too, and does not notify this one. */
const POLL_INTERVAL_MS = 1_000;

type LiveRoom = {
  readonly id: string;
  /** The position in the timeline up to which it has been read. */
  position: number;
  eventCount: number;
  /** Newest first. */
  events: readonly RoomEvent[];
  /** The membership of every user, at the position. */
  readonly memberships: Map<string, string>;
  /** The whole reasons of the events that show a part of it, by event ID. */
  reasons: ReadonlyMap<string, string>;
  summary?: RoomSummary;
};

/** Streams the rooms to the page: first all rooms, then each room that changes. Polls the storage's timelines. */
export class LiveRooms {
  readonly #store: RoomStore;
  readonly #rooms: readonly LiveRoom[];
  readonly #streams = new EventStreams();
  readonly #timer: NodeJS.Timeout;
  #lastPoll: Promise<void> = Promise.resolve();

  constructor(store: RoomStore, roomIds: readonly string[]) {
    this.#store = store;
    this.#rooms = roomIds.map((id) => ({
      id,
      position: 0,
      eventCount: 0,
      events: [],
      memberships: new Map(),
      reasons: new Map(),
    }));
    this.#timer = setInterval(() => {
      if (this.#streams.count > 0) this.poll().catch(console.error);
    }, POLL_INTERVAL_MS).unref();
  }

  /** Reads new events, and sends the rooms that have some. Concurrent calls run one after the other. */
  poll(): Promise<void> {
    const poll = this.#lastPoll.then(async () => {
      for (const room of this.#rooms) await this.#read(room);
    });
    this.#lastPoll = poll.catch(() => {});
    return poll;
  }

  /** Responds with the rooms as a stream of server-sent events. */
  async stream(response: Response): Promise<void> {
    await this.poll();
    const summaries = this.#rooms.flatMap(({ summary }) => summary ?? []);
    this.#streams.open(response, 'room', summaries);
  }

  /** Returns the whole reason of an event whose {@link RoomEvent} has a part of it. */
  reasonOf(eventId: string): string | undefined {
    for (const { reasons } of this.#rooms) {
      const reason = reasons.get(eventId);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  /** Tells all pages that the rate limits have started over. */
  announceReset(): void {
    this.#streams.send('reset', {});
  }

  /** Ends all streams. After it resolves, the store is no longer read. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#streams.close();
    await this.#lastPoll;
  }

  async #read(room: LiveRoom): Promise<void> {
    const before = room.position;
    for (;;) {
      const page = await this.#store.timeline(room.id, { after: room.position });
      if (page === undefined || page.events.length === 0) break;
      room.position = page.next;
      room.eventCount += page.events.length;
      this.#add(room, page.events);
    }
    if (room.position === before) return;
    const state = (await this.#store.roomState(room.id)) ?? [];
    room.summary = summaryOf(room.id, state, room.events, room.eventCount);
    this.#streams.send('room', room.summary);
  }

  /** @param added in the order of the timeline */
  #add(room: LiveRoom, added: readonly StateEvent[]): void {
    const events = added.map((event) => {
      const shown = roomEventOf(event, room.memberships.get(event.state_key));
      if (shown.membership !== undefined) room.memberships.set(event.state_key, shown.membership);
      return shown;
    });
    room.events = [...events.reverse(), ...room.events].slice(0, EVENTS_SHOWN);
    const isShortened = new Set(room.events.filter((event) => event.isReasonShortened).map(({ id }) => id));
    room.reasons = new Map([
      ...[...room.reasons].filter(([id]) => isShortened.has(id)),
      ...added
        .filter(({ event_id }) => isShortened.has(event_id))
        .map(({ event_id, content }) => [event_id, String(content.reason)] as const),
    ]);
  }
}
