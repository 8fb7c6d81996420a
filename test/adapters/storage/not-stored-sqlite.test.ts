import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import { invitesOf } from '../../http/support.ts';
import { newSqlitePath, openSqlite, type TestDatabase } from '../../support/sqlite-file.ts';
import { inTime, inviteOf, newRoom } from '../../support/storage-room.ts';
import { decideInvite, storageErrorOf } from './not-stored.ts';

const BOB = '@bob:example.org';
const LONG_REASON = 'x'.repeat(50_000);

/** Creates a file with a room, and decides an invite of Bob that is not appended yet. */
async function openRoom() {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const storage = new SqliteStorage(database);
  await storage.migrate();
  const room = newRoom();
  await storage.createRoom(room);
  return {
    path,
    database,
    storage,
    roomId: room.roomId,
    ...(await decideInvite(storage, room.roomId, BOB)),
    /** Counts the invites that another connection sees. */
    stored: () => invitesOf(new SqliteStorage(openSqlite(path)), BOB, room.roomId),
  };
}

function leaveSpaceFor(database: TestDatabase, pages: number): void {
  const { page_count } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  database.exec(`PRAGMA max_page_count = ${page_count + pages}`);
}

describe('isNotStored is true', () => {
  it('when another connection keeps its lock until the deadline', async () => {
    const { path, append, storage, stored } = await openRoom();
    const other = openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const failure = await storageErrorOf(append(storage, { signal: AbortSignal.timeout(100) }));
    other.exec('COMMIT');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the deadline has passed from the start', async () => {
    const { append, storage, stored } = await openRoom();
    const failure = await storageErrorOf(append(storage, { signal: AbortSignal.abort() }));
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the disk is full: for each append of the transaction', async () => {
    const { database, storage, roomId, stored } = await openRoom();
    const users = [BOB, '@carol:example.org', '@dan:example.org'];
    const bases = await Promise.all(users.map((user) => decideInvite(storage, roomId, user)));
    leaveSpaceFor(database, 2);
    const appends = bases.map(({ basis }, index) =>
      storage.appendEvent(inviteOf(roomId, users[index] ?? '', LONG_REASON), basis, inTime()),
    );
    const failures = await Promise.all(appends.map(storageErrorOf));
    expect(failures.map(({ isNotStored }) => isNotStored)).toEqual([true, true, true]);
    leaveSpaceFor(database, 1_000);
    expect(await stored()).toBe(0);
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });

  it('when the database is closed', async () => {
    const { database, append, stored } = await openRoom();
    database.close();
    const failure = await storageErrorOf(append());
    expect(failure.cause).toHaveProperty('code', 'ERR_INVALID_STATE');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the database is read-only', async () => {
    const { path, append, stored } = await openRoom();
    const failure = await storageErrorOf(append(new SqliteStorage(openSqlite(path, { readOnly: true }))));
    expect(failure.message).toContain('readonly');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the tables are missing', async () => {
    const { append } = await openRoom();
    const failure = await storageErrorOf(append(new SqliteStorage(openSqlite(await newSqlitePath()))));
    expect(failure.message).toContain('no such table');
    expect(failure.isNotStored).toBe(true);
  });

  it('when a trigger of the host app rejects the append, while another append is stored', async () => {
    const { database, storage, roomId, append, stored } = await openRoom();
    database.exec(`CREATE TRIGGER no_bob BEFORE INSERT ON matrix_events WHEN NEW.state_key = '${BOB}'
      BEGIN SELECT RAISE(ABORT, 'not him'); END`);
    const ofCarol = await decideInvite(storage, roomId, '@carol:example.org');
    const [refused, other] = await Promise.all([append(), ofCarol.append()]);
    // Certain as well: the points of a refusal are refunded.
    expect(refused).toMatchObject({ outcome: 'refused', error: { status: 403 } });
    expect(other).toMatchObject({ outcome: 'appended' });
    expect(await stored()).toBe(0);
  });
});

describe('isNotStored is false', () => {
  it('when the driver fails during the commit', async () => {
    const { database, roomId, append, stored } = await openRoom();
    // The commit succeeds, but the driver reports an error: on a real disk, an fsync that fails.
    const storage = new SqliteStorage({
      prepare: (sql) => database.prepare(sql),
      exec(sql) {
        database.exec(sql);
        if (sql === 'COMMIT') throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
      },
    });
    const failure = await storageErrorOf(append(storage));
    expect(failure.message).toContain('disk I/O error');
    expect(failure.isNotStored).toBe(false);
    expect([await stored(), (await storage.roomState(roomId))?.length]).toEqual([1, 3]);
  });
});
