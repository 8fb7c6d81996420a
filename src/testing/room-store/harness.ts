import type { NewRoom, RoomStore } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent, StateEvent } from '../../rooms/event.ts';
import { check } from '../check.ts';
import { caseMaker, type DefineCase } from '../contract.ts';
import { newRoomId, newUserId } from '../random.ts';

/**
 * The room store contract's view of a store. A room store must also pass the cases of {@link
 * storageContract}.
 */
export type RoomStoreHarness = {
  /** The store, not yet migrated: every case migrates it. */
  readonly store: RoomStore;
  /** Returns another room store on the same database, like one in another process. */
  secondInstance?(): Promise<RoomStore>;
  /**
   * Loses what a crash would lose, and returns a store on the rest. The first store is not used again.
   */
  crash?(): Promise<RoomStore>;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the room store contract. */
export const roomStoreCase: DefineCase<RoomStoreHarness> = caseMaker();

/** Returns an event for the initial state of a room. */
export function initialEvent(
  type: string,
  stateKey: string,
  sender: string,
  content: JsonObject,
): NewRoom['state'][number] {
  return { type, state_key: stateKey, sender, origin_server_ts: Date.now(), content };
}

/** A room to create, with its creator. */
export type CaseNewRoom = NewRoom & { readonly creator: string };

/** Returns a room that no other case uses, with further state after the creator's join. */
export function newRoom(
  options: { roomId?: string; creator?: string; state?: NewRoom['state'] } = {},
): CaseNewRoom {
  const { roomId = newRoomId(), creator = newUserId('alice'), state = [] } = options;
  const create = initialEvent('m.room.create', '', creator, { room_version: '11' });
  const join = initialEvent('m.room.member', creator, creator, { membership: 'join' });
  return { roomId, creator, state: [create, join, ...state] };
}

/** Migrates the store, and creates a room that no other case uses. */
export async function createdRoom(
  store: RoomStore,
  options?: Parameters<typeof newRoom>[0],
): Promise<CaseNewRoom> {
  const room = newRoom(options);
  await store.migrate();
  await store.createRoom(room);
  return room;
}

/** Returns an event for {@link RoomStore.putState}. */
export function countEvent(roomId: string, stateKey: string, count: number): NewStateEvent {
  const sender = '@counter:example.org';
  const origin_server_ts = Date.now();
  return {
    room_id: roomId,
    type: 'org.example.count',
    state_key: stateKey,
    sender,
    origin_server_ts,
    content: { count },
  };
}

/**
 * Fails if a page has an event that an earlier one had: a reader that continues from page to page would never finish.
 */
export function checkUnseen(seen: Set<string>, events: readonly StateEvent[]): void {
  for (const { event_id } of events) {
    check(!seen.has(event_id), 'a page of the log starts before its position: an event was returned twice');
    seen.add(event_id);
  }
}

/** Reads the whole log, page by page. */
export async function wholeTimeline(store: RoomStore, roomId: string, limit = 100): Promise<StateEvent[]> {
  const events: StateEvent[] = [];
  const seen = new Set<string>();
  let after: number | undefined;
  for (;;) {
    const page = await store.timeline(roomId, { after, limit });
    check(page !== undefined, 'timeline resolved undefined for a room that exists');
    if (page.events.length === 0) return events;
    checkUnseen(seen, page.events);
    events.push(...page.events);
    after = page.next;
  }
}
