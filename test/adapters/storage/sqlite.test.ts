import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isBusy, refusalBehind, sqliteFailure } from '../../../adapters/storage/sqlite/failures.ts';
import { type SqliteDatabase, SqliteStorage, sqliteSchema } from '../../../adapters/storage/sqlite/index.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import {
  ALICE,
  basisFor,
  CREATE,
  inTime,
  invite,
  inviteOf,
  member,
  NAME,
  newRoom,
  stateEvent,
} from '../../support/storage-room.ts';

const BOB = '@bob:example.org';

async function openWithRoom() {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const storage = new SqliteStorage(database);
  await storage.migrate();
  const room = newRoom();
  await storage.createRoom(room);
  return { path, database, storage, roomId: room.roomId };
}

function tablesOf(database: SqliteDatabase): string[] {
  return database
    .prepare(`SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name`)
    .all()
    .map((row) => (row as { name: string }).name);
}

describe('the constructor', () => {
  it('does not use the database', () => {
    const untouchable: SqliteDatabase = {
      exec: () => expect.unreachable(),
      prepare: () => expect.unreachable(),
    };
    expect(() => new SqliteStorage(untouchable)).not.toThrow();
  });

  it.each(['', '1a', 'a-b', 'a b', 'a;b', 'a"', 'ä', 'a\n'])(
    'throws a TypeError for the table prefix %j',
    async (tablePrefix) => {
      const database = openSqlite(await newSqlitePath());
      expect(() => new SqliteStorage(database, { tablePrefix })).toThrow(TypeError);
      expect(() => sqliteSchema(tablePrefix)).toThrow(TypeError);
    },
  );
});

describe('the connection', () => {
  it('flushes each commit to disk and never blocks the event loop for a lock', async () => {
    const { path, database, storage, roomId } = await openWithRoom();
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });

    const other = openSqlite(path);
    other.exec('PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');
    await new SqliteStorage(other).readState(roomId, [CREATE], inTime());
    expect(other.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(other.prepare('PRAGMA busy_timeout').get()).toEqual({ timeout: 0 });
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });

  it('rejects an append without a context, and goes on', async () => {
    const { storage, roomId } = await openWithRoom();
    const basis = await basisFor(storage, roomId, '@bob:example.org');
    const event = inviteOf(roomId, '@bob:example.org');
    await expect(storage.appendEvent(event, basis, undefined as never)).rejects.toThrow(TypeError);
    expect(await storage.appendEvent(event, basis, inTime())).toMatchObject({ outcome: 'appended' });
  });

  it('reads at one moment while another process writes', async () => {
    const { path, storage, roomId } = await openWithRoom();
    const other = openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    other.exec(`DELETE FROM matrix_state`);
    expect((await storage.readState(roomId, [CREATE, member(ALICE)], inTime()))?.events).toHaveLength(2);
    other.exec('ROLLBACK');
  });

  it('prepares each statement once', async () => {
    const { database, storage, roomId } = await openWithRoom();
    const prepared: string[] = [];
    const counting = new SqliteStorage({
      exec: (sql) => database.exec(sql),
      prepare: (sql) => {
        prepared.push(sql);
        return database.prepare(sql);
      },
    });
    for (const store of [storage, counting]) {
      for (const name of ['a', 'b', 'c']) {
        await invite(store, roomId, `@${name}${prepared.length}:example.org`);
        await store.roomState(roomId);
        await store.timeline(roomId);
      }
    }
    expect(prepared.length).toBeGreaterThan(0);
    expect(new Set(prepared).size).toBe(prepared.length);
  });

  it('works with a driver that returns bigints', async () => {
    const { path, roomId } = await openWithRoom();
    const database = openSqlite(path);
    const storage = new SqliteStorage({
      exec: (sql) => database.exec(sql),
      prepare: (sql) => {
        const statement = database.prepare(sql);
        statement.setReadBigInts(true);
        return statement;
      },
    });
    await storage.migrate();
    await invite(storage, roomId, BOB);
    expect(await storage.timeline(roomId)).toMatchObject({
      next: 3,
      events: [{ origin_server_ts: 1_700_000_000_000 }, {}, {}],
    });
  });

  it('keeps an origin_server_ts of 2^53 - 1', async () => {
    const { storage, roomId } = await openWithRoom();
    const origin_server_ts = 2 ** 53 - 1;
    await storage.putState({ ...stateEvent(roomId, NAME, {}), origin_server_ts });
    expect((await storage.roomState(roomId))?.at(-1)?.origin_server_ts).toBe(origin_server_ts);
  });
});

describe('a lock of another process', () => {
  it('delays a write without blocking the event loop', async () => {
    const { path, storage, roomId } = await openWithRoom();
    const basis = await basisFor(storage, roomId, BOB);
    const other = openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    let isDone = false;
    const writes = Promise.all([
      storage.appendEvent(inviteOf(roomId, BOB), basis, inTime()),
      storage.putState(stateEvent(roomId, NAME, {})),
    ]).finally(() => {
      isDone = true;
    });
    // A write that blocked the event loop would be over before the first of these turns.
    for (let turn = 0; turn < 20; turn += 1) await delay(5);
    expect(isDone).toBe(false);
    other.exec('COMMIT');
    expect(await writes).toMatchObject([{ outcome: 'appended' }, { eventId: expect.any(String) }]);
  });

  it('fails a call at its deadline, while the others still wait', async () => {
    const { path, storage, roomId } = await openWithRoom();
    const basis = await basisFor(storage, roomId, BOB);
    const other = openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const late = storage.appendEvent(inviteOf(roomId, BOB), basis, { signal: AbortSignal.timeout(30) });
    const patient = storage.putState(stateEvent(roomId, NAME, { name: 'patient' }));
    await expect(late).rejects.toSatisfy(isStorageUnavailable);
    other.exec('COMMIT');
    await patient;
    expect((await storage.roomState(roomId))?.map(({ type }) => type)).toEqual([
      'm.room.create',
      'm.room.member',
      'm.room.name',
    ]);
  });

  it('fails a call without a deadline after five seconds', async () => {
    const { path, storage, roomId } = await openWithRoom();
    const other = openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const started = Date.now();
    await expect(storage.putState(stateEvent(roomId, NAME, {}))).rejects.toSatisfy(isStorageUnavailable);
    expect(Date.now() - started).toBeGreaterThan(4_500);
    other.exec('ROLLBACK');
    await storage.putState(stateEvent(roomId, NAME, {}));
  });

  it('delays reads too', async () => {
    const path = await newSqlitePath();
    const other = openSqlite(path);
    other.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL');
    for (const sql of sqliteSchema()) other.exec(sql);
    other.exec(`INSERT INTO matrix_rooms (room_id) VALUES ('!a')`);
    const storage = new SqliteStorage(openSqlite(path));
    const late = storage.readState('!a', [CREATE], { signal: AbortSignal.timeout(30) });
    await expect(late).rejects.toSatisfy(isStorageUnavailable);
    const patient = storage.readState('!a', [CREATE], inTime());
    setTimeout(() => other.close(), 50);
    expect(await patient).toMatchObject({ roomId: '!a', events: [] });
  });

  it.each([
    [{ code: 'ERR_SQLITE_ERROR', errcode: 5 }, true],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 261 }, true],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 517 }, true],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 1555 }, false],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 13 }, false],
    [{ code: 'SQLITE_BUSY' }, true],
    [{ code: 'SQLITE_BUSY_RECOVERY' }, true],
    [{ code: 'SQLITE_FULL' }, false],
    [{ code: 'ERR_INVALID_STATE' }, false],
    [undefined, false],
  ])('is recognized in the error %j', (error, busy) => {
    expect(isBusy(error)).toBe(busy);
  });
});

describe('a rejection', () => {
  const cause = (fields: object) => Object.assign(new Error('no'), fields);
  it.each([
    [{ code: 'ERR_SQLITE_ERROR', errcode: 275 }, 403],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 787 }, 403],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 1_811 }, 403],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 1_299 }, 500],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 18 }, 500],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 13 }, undefined],
    [{ code: 'SQLITE_CONSTRAINT_TRIGGER' }, 403],
    [{ code: 'SQLITE_CONSTRAINT_NOTNULL' }, 500],
    [{ code: 'SQLITE_TOOBIG' }, 500],
    [{ code: 'SQLITE_FULL' }, undefined],
    [{}, undefined],
  ])('is recognized in the error %j: %s', (fields, status) => {
    expect(refusalBehind(sqliteFailure(cause(fields), true))?.status).toBe(status);
    // After a failed commit, nobody knows.
    expect(refusalBehind(sqliteFailure(cause(fields)))).toBeUndefined();
  });
});

describe('an unusable database', () => {
  it('is closed: every call fails', async () => {
    const { database, storage, roomId } = await openWithRoom();
    const basis = await basisFor(storage, roomId, BOB);
    database.close();
    for (const call of [
      () => storage.migrate(),
      () => storage.createRoom(newRoom()),
      () => storage.readState(roomId, [CREATE], inTime()),
      () => storage.appendEvent(inviteOf(roomId, BOB), basis, inTime()),
      () => storage.putState(stateEvent(roomId, NAME, {})),
      () => storage.roomState(roomId),
      () => storage.timeline(roomId),
    ]) {
      const failure = await call().catch((error: unknown) => error);
      expect(failure).toSatisfy(isStorageUnavailable);
      expect(failure).toHaveProperty('cause.code', 'ERR_INVALID_STATE');
    }
  });

  it('is read-only: reads work, writes fail', async () => {
    const { path, roomId } = await openWithRoom();
    const storage = new SqliteStorage(openSqlite(path, { readOnly: true }));
    const basis = await basisFor(storage, roomId, BOB);
    expect(basis.events).toHaveLength(2);
    const append = storage.appendEvent(inviteOf(roomId, BOB), basis, inTime());
    await expect(append).rejects.toSatisfy(isStorageUnavailable);
    await expect(append).rejects.toThrow(/readonly/);
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });

  it('is full: nothing is stored until there is space again', async () => {
    const { database, storage, roomId } = await openWithRoom();
    const { page_count } = database.prepare('PRAGMA page_count').get() as { page_count: number };
    database.exec(`PRAGMA max_page_count = ${page_count + 2}`);
    const large = stateEvent(roomId, NAME, { name: 'a'.repeat(100_000) });
    const writes = await Promise.allSettled([
      storage.putState(stateEvent(roomId, member(BOB), {})),
      storage.putState(large),
      storage.putState(stateEvent(roomId, member(BOB), {})),
    ]);
    for (const write of writes) expect(write).toHaveProperty('reason.code', 'ERR_STORAGE_UNAVAILABLE');
    expect(writes[0]).toHaveProperty('reason.cause.errcode', 13);
    expect((await storage.timeline(roomId))?.events).toHaveLength(2);
    database.exec(`PRAGMA max_page_count = ${page_count + 1_000}`);
    await storage.putState(large);
    expect((await storage.timeline(roomId))?.events).toHaveLength(3);
  });

  it('rejects one write with a trigger of the host app: the others of its transaction are stored', async () => {
    const { database, storage, roomId } = await openWithRoom();
    database.exec(`CREATE TRIGGER no_bob BEFORE INSERT ON matrix_state WHEN NEW.state_key = '${BOB}'
      BEGIN SELECT RAISE(ABORT, 'not bob'); END`);
    const [before, refused, after] = await Promise.allSettled([
      storage.putState(stateEvent(roomId, NAME, { name: 'before' })),
      storage.putState(stateEvent(roomId, member(BOB), {})),
      storage.putState(stateEvent(roomId, NAME, { name: 'after' })),
    ]);
    expect([before.status, refused.status, after.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(refused).toHaveProperty('reason.code', 'ERR_STORAGE_UNAVAILABLE');
    expect((await storage.timeline(roomId))?.events.slice(2).map(({ content }) => content)).toEqual([
      { name: 'before' },
      { name: 'after' },
    ]);
  });

  it('rejects the commit with a constraint of the host app: nothing is stored, and the next write works', async () => {
    const { database, storage, roomId } = await openWithRoom();
    database.exec(`PRAGMA foreign_keys = ON;
      CREATE TABLE users (id TEXT PRIMARY KEY);
      CREATE TABLE seen (id TEXT REFERENCES users DEFERRABLE INITIALLY DEFERRED);
      CREATE TRIGGER see_bob AFTER INSERT ON matrix_events WHEN NEW.state_key = '${BOB}'
      BEGIN INSERT INTO seen VALUES (NEW.state_key); END`);
    await expect(invite(storage, roomId, BOB)).rejects.toSatisfy(isStorageUnavailable);
    expect(await storage.roomState(roomId)).toHaveLength(2);
    expect(await storage.putState(stateEvent(roomId, NAME, {}))).toBeDefined();
    expect(await storage.roomState(roomId)).toHaveLength(3);
  });

  it('is in a transaction of the host app: nothing is written, and the transaction stays open', async () => {
    const { database, storage, roomId } = await openWithRoom();
    database.exec('BEGIN');
    await expect(storage.putState(stateEvent(roomId, NAME, {}))).rejects.toSatisfy(isStorageUnavailable);
    expect(database.isTransaction).toBe(true);
    database.exec('COMMIT');
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });

  it('has no tables: the error says what to do', async () => {
    const storage = new SqliteStorage(openSqlite(await newSqlitePath()));
    const read = storage.readState('!a', [CREATE], inTime());
    await expect(read).rejects.toSatisfy(isStorageUnavailable);
    await expect(read).rejects.toThrow(/matrix_state.*migrate\(\)/);
    await expect(storage.createRoom(newRoom())).rejects.toThrow(/migrate\(\)/);
    await storage.migrate();
    expect(await storage.createRoom(newRoom())).toBe('created');
  });

  it('is older than SQLite 3.43: the error says so', async () => {
    const database = openSqlite(await newSqlitePath());
    const storage = new SqliteStorage({
      exec: (sql) => database.exec(sql),
      // The function is new in 3.43.
      prepare: (sql) => database.prepare(sql.replaceAll('octet_length', 'octet_length_of_3_42')),
    });
    await storage.migrate();
    await expect(storage.readState('!a', [CREATE], inTime())).rejects.toThrow(/3\.43 or later/);
  });
});

describe('the schema', () => {
  it('is the same from migrate() and from the exported statements', async () => {
    const hostDatabase = openSqlite(await newSqlitePath());
    for (const sql of sqliteSchema('chat_')) hostDatabase.exec(sql);
    const migratedDatabase = openSqlite(await newSqlitePath());
    const storage = new SqliteStorage(migratedDatabase, { tablePrefix: 'chat_' });
    await storage.migrate();
    expect(tablesOf(hostDatabase)).toEqual(tablesOf(migratedDatabase));
    expect(tablesOf(hostDatabase)).toEqual([
      'chat_events',
      'chat_events_by_room',
      'chat_graph_built',
      'chat_graph_built_by_key',
      'chat_graph_built_by_time',
      'chat_graph_events',
      'chat_graph_rooms',
      'chat_graph_tips',
      'chat_pending_addresses',
      'chat_rooms',
      'chat_schema',
      'chat_state',
    ]);

    const hostStorage = new SqliteStorage(hostDatabase, { tablePrefix: 'chat_' });
    const room = newRoom();
    await hostStorage.createRoom(room);
    await hostStorage.migrate();
    expect(await hostStorage.roomState(room.roomId)).toHaveLength(2);
  });

  it('has no statements after the latest version', () => {
    expect(sqliteSchema('matrix_', 3)).toEqual([]);
    expect(sqliteSchema()).toEqual(sqliteSchema('matrix_', 0));
  });

  it('is brought up to date from version 1, and keeps its rooms', async () => {
    const { database, storage, roomId } = await openWithRoom();
    const newer = tablesOf(database).filter((name) =>
      /^matrix_(?:pending_addresses|graph_[a-z]+)$/.test(name),
    );
    for (const name of newer) database.exec(`DROP TABLE ${name}`);
    database.exec('UPDATE matrix_schema SET version = 1');
    await storage.migrate();
    expect(newer).toHaveLength(5);
    expect(tablesOf(database)).toEqual(expect.arrayContaining(newer));
    expect(database.prepare('SELECT version FROM matrix_schema').all()).toEqual([{ version: 3 }]);
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });

  it('keeps stored rooms, and tables of a later release', async () => {
    const { database, storage, roomId } = await openWithRoom();
    database.exec('UPDATE matrix_schema SET version = 1000');
    await storage.migrate();
    expect(await storage.roomState(roomId)).toHaveLength(2);
    expect(database.prepare('SELECT version FROM matrix_schema').all()).toEqual([{ version: 1000 }]);
  });

  it('does not touch other tables of the same name', async () => {
    const database = openSqlite(await newSqlitePath());
    database.exec(`CREATE TABLE matrix_events (note TEXT); INSERT INTO matrix_events VALUES ('mine')`);
    await expect(new SqliteStorage(database).migrate()).rejects.toThrow(/matrix_events already exists/);
    expect(tablesOf(database)).toEqual(['matrix_events']);
    expect(database.prepare('SELECT note FROM matrix_events').all()).toEqual([{ note: 'mine' }]);
  });

  it('separates prefixes in one file', async () => {
    const path = await newSqlitePath();
    const [one, two] = ['one_', 'two_'].map(
      (tablePrefix) => new SqliteStorage(openSqlite(path), { tablePrefix }),
    ) as [SqliteStorage, SqliteStorage];
    await Promise.all([one.migrate(), two.migrate()]);
    const room = newRoom();
    expect(await one.createRoom(room)).toBe('created');
    expect(await two.roomState(room.roomId)).toBeUndefined();
    expect(await two.createRoom(room)).toBe('created');
    await one.putState(stateEvent(room.roomId, NAME, {}));
    expect(await one.roomState(room.roomId)).toHaveLength(3);
    expect(await two.roomState(room.roomId)).toHaveLength(2);
  });
});

describe('the cost of readState', () => {
  it('is one lookup for each key', async () => {
    const { database, storage, roomId } = await openWithRoom();
    const prepared: string[] = [];
    const watched = new SqliteStorage({
      exec: (sql) => database.exec(sql),
      prepare: (sql) => {
        if (sql.includes('FROM')) prepared.push(sql);
        return database.prepare(sql);
      },
    });
    await watched.readState(roomId, [CREATE], inTime());
    expect(prepared).toHaveLength(1);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${prepared[0]}`).all(roomId, '[]', roomId);
    const steps = plan.map((step: unknown) => (step as { detail: string }).detail);
    expect(steps).toContainEqual(
      expect.stringMatching(/^SEARCH s USING PRIMARY KEY .*room_id=. AND type=. AND state_key=/),
    );
    expect(steps.filter((step: string) => step.startsWith('SCAN'))).toEqual([
      expect.stringMatching(/^SCAN k VIRTUAL/),
    ]);
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });
});
