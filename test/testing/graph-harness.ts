import { randomBytes } from 'node:crypto';
import { vi } from 'vitest';
import { MemoryGraphStorage } from '../../adapters/storage/memory-graph/index.ts';
import { SqliteGraphStorage } from '../../adapters/storage/sqlite-graph/index.ts';

import type { CallContext } from '../../src/ports/context.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../src/rooms/event.ts';
import { ROOM_VERSIONS } from '../../src/rooms/room-version.ts';
import {
  type RoomGraphHarness,
  type RoomStoreHarness,
  type StorageHarness,
  storageHarnessFor,
} from '../../src/testing/index.ts';
import { SIGNER } from '../support/graph-room.ts';
import { copyOfSqlite, newSqlitePath, openSqlite, type TestDatabase } from '../support/sqlite-file.ts';

type GraphStorage = MemoryGraphStorage | SqliteGraphStorage;

export function roomGraphHarness(store: GraphStorage): RoomGraphHarness {
  return {
    graph: store,
    storage: store,
    serverName: SIGNER.serverName,
    publicKeys: new Map([[SIGNER.keyId, SIGNER.publicKey]]),
    roomVersions: [...ROOM_VERSIONS.keys()],
    keepsBuilt: true,
    createRoom: async (room) => ({ roomId: await store.createFederatedRoom(room) }),
    async createLocalRoom({ roomVersion, creator, state }) {
      const roomId = `!${randomBytes(9).toString('base64url')}:example.org`;
      const create = { type: 'm.room.create', state_key: '', sender: creator, origin_server_ts: 0 };
      await store.createRoom({
        roomId,
        state: [{ ...create, content: { room_version: roomVersion } }, ...state],
      });
      return { roomId };
    },
    putState: (event) => store.putState(event),
    async pdus(roomId) {
      const page = await store.pdus(roomId, { limit: 1_000_000 });
      return page?.events.map(({ pdu }) => pdu) ?? [];
    },
    async joinRemoteUser(roomId, userId) {
      const content = { membership: 'join' };
      const sender = (await store.roomState(roomId))?.[0]?.sender ?? '';
      const event = {
        type: 'm.room.member',
        state_key: userId,
        sender,
        origin_server_ts: Date.now(),
        content,
      };
      await store.putState({ room_id: roomId, ...event });
    },
  };
}

/** Returns a harness whose clock the test can move on. */
export async function memoryGraphHarness(): Promise<RoomGraphHarness> {
  vi.useFakeTimers({ toFake: ['Date'] });
  return {
    ...roomGraphHarness(new MemoryGraphStorage({ signer: SIGNER })),
    age: async (milliseconds) => void vi.advanceTimersByTime(milliseconds),
    close: async () => void vi.useRealTimers(),
  };
}

/** The content of an invite that a host refuses. */
export const REFUSED = { membership: 'invite', reason: 'a reason that this host refuses' };

export async function sqliteGraphHarness(): Promise<RoomGraphHarness> {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const store = openGraph(database);
  await store.migrate();
  refuse(database);
  const instance = (other: SqliteGraphStorage) => ({ graph: other, storage: other });
  return {
    ...roomGraphHarness(store),
    refusedContent: REFUSED,
    age: async (milliseconds) =>
      database.exec(`UPDATE matrix_graph_built SET built_at = built_at - ${milliseconds}`),
    secondInstance: async () => instance(openGraph(openSqlite(path))),
    crash: async () => instance(await openGraphCopy(path)),
    unreachable: async () => instance(openClosed(path)),
  };
}

/** The storage contract in rooms that federate. */
export async function sqliteFederatedStorageHarness(): Promise<StorageHarness> {
  const path = await newSqlitePath();
  const store = openGraph(openSqlite(path));
  await store.migrate();
  return federatedStorageHarness(store, {
    recall: true,
    secondInstance: async () => openGraph(openSqlite(path)),
    crash: () => openGraphCopy(path),
    unreachable: async () => openClosed(path),
  });
}

export function federatedStorageHarness(
  store: GraphStorage,
  more: Partial<StorageHarness> = {},
): StorageHarness {
  const rooms = new FederatedRooms(store);
  const harness = storageHarnessFor(rooms, { adapter: store, ...more });
  const roomIds = new Map<string, string>();
  return {
    ...harness,
    async createRoom(room) {
      await harness.createRoom(room);
      const roomId = rooms.idOf(room.roomId);
      roomIds.set(roomId, room.roomId);
      return { roomId };
    },
    setPowerLevels: (roomId, levels) => harness.setPowerLevels(roomIds.get(roomId) ?? roomId, levels),
  };
}

export async function sqliteFederatedRoomStoreHarness(): Promise<RoomStoreHarness> {
  const path = await newSqlitePath();
  const ids = new Map<string, string>();
  const open = () => new FederatedRooms(openGraph(openSqlite(path)), ids);
  return {
    store: open(),
    secondInstance: async () => open(),
    crash: async () => new FederatedRooms(await openGraphCopy(path), ids),
  };
}

/** A store all of whose rooms federate, although their IDs are made by the caller. */
export class FederatedRooms implements RoomStore {
  readonly #store: GraphStorage;
  readonly #ids: Map<string, string>;

  constructor(store: GraphStorage, ids = new Map<string, string>()) {
    this.#store = store;
    this.#ids = ids;
  }

  idOf(roomId: string): string {
    return this.#ids.get(roomId) ?? roomId;
  }

  migrate(): Promise<void> {
    return this.#store.migrate();
  }

  async createRoom({ roomId, state: [create, ...state] }: NewRoom): Promise<'created' | 'exists'> {
    if (create === undefined) throw new Error('The first event of a room is its create event');
    const room = { roomVersion: '11', creator: create.sender, createContent: create.content, state };
    this.#ids.set(roomId, await this.#store.createFederatedRoom(room));
    return 'created';
  }

  async readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    const snapshot = await this.#store.readState(this.idOf(roomId), keys, context);
    return snapshot && { ...snapshot, roomId };
  }

  appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    const room_id = this.idOf(event.room_id);
    return this.#store.appendEvent(
      { ...event, room_id },
      { ...basis, roomId: this.idOf(basis.roomId) },
      context,
    );
  }

  putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    return this.#store.putState({ ...event, room_id: this.idOf(event.room_id) });
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return (await this.#store.roomState(this.idOf(roomId)))?.map((event) => ({ ...event, room_id: roomId }));
  }

  async timeline(
    roomId: string,
    options?: { after?: number | undefined; limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const page = await this.#store.timeline(this.idOf(roomId), options);
    return page && { ...page, events: page.events.map((event) => ({ ...event, room_id: roomId })) };
  }
}

export function openGraph(database: TestDatabase): SqliteGraphStorage {
  return new SqliteGraphStorage(database, { signer: SIGNER });
}

export async function openGraphCopy(path: string): Promise<SqliteGraphStorage> {
  return openGraph(openSqlite(await copyOfSqlite(path)));
}

function openClosed(path: string): SqliteGraphStorage {
  const database = openSqlite(path);
  database.close();
  return openGraph(database);
}

function refuse(database: TestDatabase): void {
  database.exec(`CREATE TRIGGER refuse BEFORE INSERT ON matrix_events
WHEN json_extract(NEW.content, '$.reason') = '${REFUSED.reason}'
BEGIN SELECT RAISE(ABORT, 'refused by the host'); END`);
}
