import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { type RoomStoreHarness, type StorageHarness, storageHarnessFor } from '../../src/testing/index.ts';
import { copyOfSqlite, newSqlitePath, openSqlite } from '../support/sqlite-file.ts';

export async function sqliteRoomStoreHarness(): Promise<RoomStoreHarness> {
  const path = await newSqlitePath();
  const open = () => new SqliteStorage(openSqlite(path));
  return { store: open(), secondInstance: async () => open(), crash: () => openCopy(path) };
}

export async function sqliteStorageHarness(): Promise<StorageHarness> {
  const path = await newSqlitePath();
  const open = () => new SqliteStorage(openSqlite(path));
  const store = open();
  await store.migrate();
  return storageHarnessFor(store, {
    secondInstance: async () => open(),
    crash: () => openCopy(path),
    unreachable: async () => openClosed(path),
  });
}

/** Opens what a process finds after a crash: the files, but nothing that was in memory. */
export async function openCopy(path: string): Promise<SqliteStorage> {
  return new SqliteStorage(openSqlite(await copyOfSqlite(path)));
}

function openClosed(path: string): SqliteStorage {
  const database = openSqlite(path);
  database.close();
  return new SqliteStorage(database);
}
