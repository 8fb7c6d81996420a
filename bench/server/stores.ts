import type { StorageAdapter } from 'express-matrix-invite';
import type { StoreConfig } from './config.ts';
import { roomIdOf, roomState } from './rooms.ts';

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
    case 'mysql': {
      const { createPool } = await import('mysql2/promise');
      const { MysqlStorage } = await import('express-matrix-invite/storage/mysql');
      const pool = createPool({
        ...config.connection,
        connectionLimit: Math.min(16, Math.ceil(32 / processes)),
      });
      return { storage: new MysqlStorage(pool, { tablePrefix: config.tablePrefix }) };
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
  const state = roomState(members, levels);
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
