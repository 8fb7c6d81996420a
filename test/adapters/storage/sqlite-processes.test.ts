import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import { Child } from '../../support/child.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { newRoom } from '../../support/storage-room.ts';

async function newRoomFile() {
  const path = await newSqlitePath();
  const storage = new SqliteStorage(openSqlite(path));
  await storage.migrate();
  const room = newRoom();
  await storage.createRoom(room);
  return { path, storage, roomId: room.roomId };
}

describe('processes that share a file', () => {
  it('migrate at the same time, several times each', { timeout: 240_000 }, async () => {
    const path = await newSqlitePath();
    const children = Array.from({ length: 4 }, () => new Child('sqlite-migrate.ts', path));
    await Promise.all(children.map((child) => child.hasPrinted(1)));
    for (const child of children) child.process.stdin.write('go\n');
    await Promise.all(children.map((child) => child.end()));

    const database = openSqlite(path);
    expect(database.prepare('SELECT version FROM matrix_schema').all()).toEqual([{ version: 3 }]);
    expect(await new SqliteStorage(database).createRoom(newRoom())).toBe('created');
  });

  it('append at the same time, and a reader misses nothing', { timeout: 240_000 }, async () => {
    const { path, storage, roomId } = await newRoomFile();
    const children = ['a', 'b', 'c'].map(
      (name) => new Child('sqlite-invite-stream.ts', path, roomId, name, '200'),
    );
    let areRunning = true;
    const ends = Promise.all(children.map((child) => child.end())).finally(() => {
      areRunning = false;
    });

    const seen: string[] = [];
    let pagesWhileRunning = 0;
    let after = 0;
    const readOn = async () => {
      const page = await storage.timeline(roomId, { after, limit: 7 });
      seen.push(...(page?.events ?? []).map((event) => event.event_id));
      after = page?.next ?? after;
      return page?.events.length ?? 0;
    };
    while (areRunning) {
      if ((await readOn()) > 0) pagesWhileRunning += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await ends;
    while ((await readOn()) > 0);

    expect(pagesWhileRunning).toBeGreaterThan(5);
    const appended = children.flatMap((child) => child.lines);
    expect(appended).toHaveLength(600);
    expect(seen).toHaveLength(602);
    expect(new Set(seen.slice(2))).toEqual(new Set(appended));
    expect(await storage.roomState(roomId)).toHaveLength(602);
  });
});

describe('a process that is killed while it appends', () => {
  it.each([20, 150, 400])('loses none of its %i or more invites', { timeout: 240_000 }, async (count) => {
    const { path, roomId } = await newRoomFile();
    const child = new Child('sqlite-invite-stream.ts', path, roomId, 'user', '1000000');
    await child.hasPrinted(count);
    await child.kill();

    const database = openSqlite(path);
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const storage = new SqliteStorage(database);
    const log = (await storage.timeline(roomId, { limit: 1_000_000 }))?.events ?? [];
    expect(child.lines.length).toBeGreaterThanOrEqual(count);
    expect(log.map((event) => event.event_id)).toEqual(expect.arrayContaining(child.lines));
    expect(await storage.roomState(roomId)).toEqual(log);
  });
});
