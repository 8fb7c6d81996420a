import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { onTestFinished } from 'vitest';

/** A connection of the driver that the tests use. */
export type TestDatabase = InstanceType<typeof DatabaseSync>;

/** Returns a path for a new SQLite file. Its folder is removed after the test. */
export async function newSqlitePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'invite-sqlite-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'rooms.db');
}

/** Copies the files, and returns the path of the copy: what a process finds after a crash, but nothing from memory. */
export async function copyOfSqlite(path: string): Promise<string> {
  const copy = `${path}.copy`;
  await copyFile(path, copy);
  await copyFile(`${path}-wal`, `${copy}-wal`);
  return copy;
}

/** Opens a connection that is closed after the test, unless the test closes it. */
export function openSqlite(path: string, options: { readOnly?: boolean } = {}): TestDatabase {
  const database = new DatabaseSync(path, options);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}
