import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DatabaseSync } from '@photostructure/sqlite';
import type { Testbed } from '../harness/testbed.ts';

/** Returns SQLite's commits per second, as durable as `SqliteStorage`, with one narrow row per transaction. */
export async function sqliteInserts({ folder }: Testbed, seconds: number): Promise<number> {
  const file = join(folder, 'narrow.sqlite');
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE narrow (id INTEGER PRIMARY KEY, room TEXT, body TEXT)');
  const insert = database.prepare('INSERT INTO narrow (room, body) VALUES (?, ?)');
  const startedAt = performance.now();
  let done = 0;
  while (performance.now() < startedAt + seconds * 1_000) {
    insert.run('!room:example.org', 'x');
    done += 1;
  }
  const rate = (done / (performance.now() - startedAt)) * 1_000;
  database.close();
  for (const suffix of ['', '-wal', '-shm']) await rm(file + suffix, { force: true });
  return rate;
}
