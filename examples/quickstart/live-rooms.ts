import type { Response } from 'express';
import type { RoomStore } from 'express-matrix-invite';
import type { RoomEvent, RoomSummary } from './demo-api.ts';
import { EventStreams } from './event-streams.ts';
import { roomEventOf, summaryOf } from './room-summary.ts';

const EVENTS_SHOWN = 20;
/** Another process that shares the file may write as well, and tells us nothing. */
const LOOK_EVERY_MS = 1_000;

type LiveRoom = {
  readonly id: string;
  /** Up to where the timeline has been read. */
  position: number;
  eventCount: number;
  /** The newest first. */
  events: readonly RoomEvent[];
  summary?: RoomSummary;
};

/** The rooms for the page: all at first, and then each that changes, read from the storage's timeline. */
export class LiveRooms {
  readonly #store: RoomStore;
  readonly #rooms: readonly LiveRoom[];
  readonly #streams = new EventStreams();
  readonly #timer: NodeJS.Timeout;
  #lastLook: Promise<void> = Promise.resolve();

  constructor(store: RoomStore, roomIds: readonly string[]) {
    this.#store = store;
    this.#rooms = roomIds.map((id) => ({ id, position: 0, eventCount: 0, events: [] }));
    this.#timer = setInterval(() => {
      if (this.#streams.count > 0) this.look().catch(console.error);
    }, LOOK_EVERY_MS).unref();
  }

  /** Looks for new events, and sends the rooms that have some. Looks come one after the other. */
  look(): Promise<void> {
    const look = this.#lastLook.then(async () => {
      for (const room of this.#rooms) await this.#read(room);
    });
    this.#lastLook = look.catch(() => {});
    return look;
  }

  /** Answers with the rooms as a stream of server-sent events. */
  async stream(response: Response): Promise<void> {
    await this.look();
    const summaries = this.#rooms.flatMap(({ summary }) => summary ?? []);
    this.#streams.open(response, 'room', summaries);
  }

  /** Ends all streams; when it resolves, the store is no longer read. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#streams.close();
    await this.#lastLook;
  }

  async #read(room: LiveRoom): Promise<void> {
    const before = room.position;
    for (;;) {
      const page = await this.#store.timeline(room.id, { after: room.position });
      if (page === undefined || page.events.length === 0) break;
      room.position = page.next;
      room.eventCount += page.events.length;
      room.events = [...page.events.map(roomEventOf).reverse(), ...room.events].slice(0, EVENTS_SHOWN);
    }
    if (room.position === before) return;
    const state = (await this.#store.roomState(room.id)) ?? [];
    room.summary = summaryOf(room.id, state, room.events, room.eventCount);
    this.#streams.send('room', room.summary);
  }
}
