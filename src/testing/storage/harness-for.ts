import type { RoomStore } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent } from '../../rooms/event.ts';
import type { SeedRoom, StorageHarness } from './harness.ts';

/**
 * Returns a harness for the storage contract on a room store, which must be migrated.
 *
 * @param more further capabilities (`secondInstance`, `crash`, …) and `close`
 */
export function storageHarnessFor(store: RoomStore, more: Partial<StorageHarness> = {}): StorageHarness {
  const creators = new Map<string, string>();
  return {
    adapter: store,
    eventIds: true,
    ...(store.recall === undefined ? {} : { recall: true as const }),
    async createRoom(room) {
      creators.set(room.roomId, room.creator);
      await store.createRoom({ roomId: room.roomId, state: initialState(room) });
    },
    async setMembership(roomId, userId, membership, sender) {
      await store.putState({ ...memberEvent(userId, membership, sender), room_id: roomId });
    },
    async setPowerLevels(roomId, levels) {
      const sender = creators.get(roomId) ?? '';
      await store.putState({ ...powerLevelsEvent(levels, sender), room_id: roomId });
    },
    putState: (event) => store.putState(event),
    ...more,
  };
}

type RoomlessEvent = Omit<NewStateEvent, 'room_id'>;

function initialState({ creator, members, powerLevels }: SeedRoom): RoomlessEvent[] {
  return [
    stateEvent('m.room.create', '', creator, { room_version: '11' }),
    powerLevelsEvent(powerLevels, creator),
    ...Object.entries(members).map(([userId, membership]) =>
      memberEvent(userId, membership, membership === 'join' ? userId : creator),
    ),
  ];
}

function powerLevelsEvent(levels: SeedRoom['powerLevels'], sender: string): RoomlessEvent {
  return stateEvent('m.room.power_levels', '', sender, { ...levels, users: { ...levels.users } });
}

function memberEvent(userId: string, membership: string, sender: string): RoomlessEvent {
  return stateEvent('m.room.member', userId, sender, { membership });
}

function stateEvent(type: string, stateKey: string, sender: string, content: JsonObject): RoomlessEvent {
  return { type, state_key: stateKey, sender, origin_server_ts: Date.now(), content };
}
