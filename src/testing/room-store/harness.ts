import type { NewRoom, RoomStore } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent, StateEvent } from '../../rooms/event.ts';
import { check } from '../check.ts';
import { caseMaker, type DefineCase } from '../contract.ts';
import { newRoomId, newUserId } from '../random.ts';

/** What the room store contract needs beside {@link storageContract}'s cases, which a room store must pass as well. */
export type RoomStoreHarness = {
  /** Not yet migrated: every case does that. */
  readonly store: RoomStore;
  /** Another room store on the same database, as another process would have. */
  secondInstance?(): Promise<RoomStore>;
  /** Frees what the harness holds. */
  close?(): Promise<void>;
};

/** Makes a case of the room store contract. */
export const roomStoreCase: DefineCase<RoomStoreHarness> = caseMaker();

/** A state event as a new room has it. */
export function initialEvent(
  type: string,
  stateKey: string,
  sender: string,
  content: JsonObject,
): NewRoom['state'][number] {
  return { type, state_key: stateKey, sender, origin_server_ts: Date.now(), content };
}

/** A room to create, and who creates it. */
export type CaseNewRoom = NewRoom & { readonly creator: string };

/** A room of a case's own, with further state behind the creator's join. */
export function newRoom(
  options: { roomId?: string; creator?: string; state?: NewRoom['state'] } = {},
): CaseNewRoom {
  const { roomId = newRoomId(), creator = newUserId('alice'), state = [] } = options;
  const create = initialEvent('m.room.create', '', creator, { room_version: '11' });
  const join = initialEvent('m.room.member', creator, creator, { membership: 'join' });
  return { roomId, creator, state: [create, join, ...state] };
}

/** Creates a room of a case's own in a migrated store. */
export async function createdRoom(
  store: RoomStore,
  options?: Parameters<typeof newRoom>[0],
): Promise<CaseNewRoom> {
  const room = newRoom(options);
  await store.migrate();
  await store.createRoom(room);
  return room;
}

/** An event for {@link RoomStore.putState}. */
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

/** The whole log, read page by page. */
export async function wholeTimeline(store: RoomStore, roomId: string, limit = 100): Promise<StateEvent[]> {
  const events: StateEvent[] = [];
  let after: number | undefined;
  for (;;) {
    const page = await store.timeline(roomId, { after, limit });
    check(page !== undefined, 'timeline resolved undefined for a room that exists');
    if (page.events.length === 0) return events;
    events.push(...page.events);
    after = page.next;
  }
}
