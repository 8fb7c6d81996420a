import type { StorageAdapter } from 'express-matrix-invite';
import type { JsonObject } from '../../src/rooms/event.ts';
import type { StoreConfig } from './config.ts';
import { ALICE, firstState, memberIdOf, roomIdOf } from './rooms.ts';

export type OpenStore = {
  readonly storage: StorageAdapter;
  /** Set for a store that only the server process can read. */
  readonly countEvents?: () => Promise<number>;
};

/** @param processes the number of processes that share the database server, with at most 32 connections in total */
export async function openStore(config: StoreConfig, processes: number): Promise<OpenStore> {
  switch (config.kind) {
    case 'memory':
      return inMemory(config);
    case 'sqlite': {
      const { DatabaseSync } = await import('@photostructure/sqlite');
      const { SqliteStorage } = await import('express-matrix-invite/storage/sqlite');
      return { storage: new SqliteStorage(new DatabaseSync(config.file)) };
    }
    case 'postgres': {
      const { default: pg } = await import('pg');
      const { PostgresStorage } = await import('express-matrix-invite/storage/postgres');
      const pool = new pg.Pool({ ...config.connection, max: Math.min(16, Math.ceil(32 / processes)) });
      pool.on('error', (error) => console.error(error.message));
      return { storage: new PostgresStorage(pool, { tablePrefix: config.tablePrefix }) };
    }
  }
}

async function inMemory({
  rooms,
  members,
  levels,
}: Extract<StoreConfig, { kind: 'memory' }>): Promise<OpenStore> {
  const { MemoryStorage } = await import('express-matrix-invite/storage/memory');
  const storage = new MemoryStorage();
  const joins = Array.from({ length: members }, (_, index) => ({
    type: 'm.room.member',
    state_key: memberIdOf(index),
    content: { membership: 'join' },
  }));
  const state = [...firstState(levels), ...joins].map((event) => ({
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
