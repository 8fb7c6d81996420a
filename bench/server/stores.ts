import type { StorageAdapter } from 'express-matrix-invite';
import type { JsonObject } from '../../src/rooms/event.ts';
import { ALICE, FIRST_STATE, memberIdOf, roomIdOf } from './rooms.ts';
import type { StoreSetting } from './setting.ts';

export type OpenStore = {
  readonly storage: StorageAdapter;
  /** For a store that nobody else can look into. */
  readonly countEvents?: () => Promise<number>;
};

/** @param processes how many share the store's server: together they have 32 connections at most */
export async function openStore(setting: StoreSetting, processes: number): Promise<OpenStore> {
  switch (setting.kind) {
    case 'memory':
      return inMemory(setting.rooms, setting.members);
    case 'sqlite': {
      const { DatabaseSync } = await import('@photostructure/sqlite');
      const { SqliteStorage } = await import('express-matrix-invite/storage/sqlite');
      return { storage: new SqliteStorage(new DatabaseSync(setting.file)) };
    }
    case 'postgres': {
      const { default: pg } = await import('pg');
      const { PostgresStorage } = await import('express-matrix-invite/storage/postgres');
      const pool = new pg.Pool({ ...setting.connection, max: Math.min(16, Math.ceil(32 / processes)) });
      pool.on('error', (error) => console.error(error.message));
      return { storage: new PostgresStorage(pool, { tablePrefix: setting.tablePrefix }) };
    }
  }
}

async function inMemory(rooms: number, members: number): Promise<OpenStore> {
  const { MemoryStorage } = await import('express-matrix-invite/storage/memory');
  const storage = new MemoryStorage();
  const joins = Array.from({ length: members }, (_, index) => ({
    type: 'm.room.member',
    state_key: memberIdOf(index),
    content: { membership: 'join' },
  }));
  const state = [...FIRST_STATE, ...joins].map((event) => ({
    ...event,
    content: event.content as JsonObject,
    sender: ALICE,
    origin_server_ts: 1,
  }));
  for (let index = 0; index < rooms; index += 1) {
    await storage.createRoom({ roomId: roomIdOf(index), state });
  }
  const countEvents = async () => {
    let count = 0;
    for (let index = 0; index < rooms; index += 1) {
      count += (await storage.roomState(roomIdOf(index)))?.length ?? 0;
    }
    return count;
  };
  return { storage, countEvents };
}
