import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { MemoryStorage } from '../../../adapters/storage/memory.ts';
import { type SqliteDatabase, SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import type { RoomStore } from '../../../src/ports/storage.ts';
import { expectRefusal, invite, seedRoom, setUp } from '../../http/support.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { ALICE, CREATE, inTime, member, NAME, newRoom, stateEvent } from '../../support/storage-room.ts';
import { expectToFailAlone, manyPowerLevels, UNREADABLE } from '../../support/unreadable-content.ts';

const LARGE = { name: 'a'.repeat(50_000) };

async function openStorage(database: SqliteDatabase) {
  const storage = new SqliteStorage(database);
  await storage.migrate();
  return storage;
}

/** Opens a store whose driver counts the reads of single contents. */
async function openCounting() {
  const database = openSqlite(await newSqlitePath());
  const reads = { ofContents: 0 };
  const storage = await openStorage({
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      if (!/^SELECT CAST\(content/.test(sql)) return statement;
      return {
        get(...parameters) {
          reads.ofContents += 1;
          return statement.get(...parameters);
        },
        all: (...parameters) => statement.all(...parameters),
        run: (...parameters) => statement.run(...parameters),
      };
    },
  });
  const room = newRoom();
  await storage.createRoom(room);
  await storage.putState(stateEvent(room.roomId, NAME, LARGE));
  return { database, storage, reads, roomId: room.roomId };
}

const STORES: Record<string, () => Promise<RoomStore>> = {
  MemoryStorage: async () => new MemoryStorage(),
  SqliteStorage: async () => openStorage(openSqlite(await newSqlitePath())),
};

describe.each(Object.entries(STORES))('an event that %s returned', (_, open) => {
  async function readEvent(content = LARGE) {
    const store = await open();
    const { roomId, state } = newRoom();
    await store.createRoom({ roomId, state });
    const appended = await store.putState(stateEvent(roomId, NAME, content));
    const read = async () => {
      const [event] = (await store.readState(roomId, [NAME], inTime()))?.events ?? [];
      if (event === undefined) throw new Error('no event');
      return event;
    };
    return { read, expected: { ...NAME, sender: ALICE, event_id: appended?.eventId, content } };
  }

  it.each([
    ['is spread', (event: object) => ({ ...event })],
    ['is assigned', (event: object) => Object.assign({}, event)],
    ['is cloned', (event: object) => structuredClone(event)],
    ['becomes JSON', (event: object) => JSON.parse(JSON.stringify(event)) as object],
    ['is frozen', (event: object) => Object.freeze(event)],
    ['is wrapped', (event: object) => new Proxy(event, {})],
    [
      'is enumerated',
      (event: object) => {
        const copy: Record<string, unknown> = {};
        for (const key in event) copy[key] = Reflect.get(event, key);
        return copy;
      },
    ],
  ])('has its content when it %s', async (_case, copyOf) => {
    const { read, expected } = await readEvent();
    const event = copyOf(await read());
    expect(Object.keys(event).sort()).toEqual(Object.keys(expected).sort());
    expect(event).toEqual(expected);
    expect(isDeepStrictEqual(event, expected)).toBe(true);
  });

  it('reads its content once, and shares it with no other read', async () => {
    const { read } = await readEvent();
    const [one, other] = [await read(), await read()];
    one.content.name = 'changed';
    expect(one.content).toEqual({ name: 'changed' });
    expect(other.content).toEqual(LARGE);
    expect((await read()).content).toEqual(LARGE);
  });
});

it('MemoryStorage parses no large content for an inviter who has left', async () => {
  const { app, store } = setUp();
  await seedRoom(store, { powerLevels: manyPowerLevels(), members: { '@mallory:example.org': 'leave' } });
  const parse = vi.spyOn(JSON, 'parse');
  try {
    expectRefusal(await invite(app, { token: 'mallory-token' }), 403, 'M_FORBIDDEN');
    const contents = parse.mock.calls.map(([text]) => text).filter((text) => /membership|users/.test(text));
    expect(contents).toEqual(['{"membership":"leave"}']);
  } finally {
    parse.mockRestore();
  }
});

describe('SqliteStorage', () => {
  it.each(Object.entries(UNREADABLE))(
    'fails only the invites that depend on a content %s',
    async (_, content) => {
      const database = openSqlite(await newSqlitePath());
      const storage = await openStorage(database);
      const roomId = '!spoiled:example.org';
      await expectToFailAlone(
        storage,
        roomId,
        async (room, { type, state_key }, stored) =>
          database
            .prepare('UPDATE matrix_events SET content = ? WHERE room_id = ? AND type = ? AND state_key = ?')
            .run(stored, room, type, state_key),
        content,
      );
    },
  );

  it('reads a large content when somebody asks for it, once', async () => {
    const { storage, reads, roomId } = await openCounting();
    const snapshot = await storage.readState(roomId, [CREATE, NAME, member(ALICE)], inTime());
    expect(snapshot?.events.map(({ content }) => content.membership)).toContain('join');
    expect(reads.ofContents).toBe(1);
    expect(snapshot?.events[1]?.content).toEqual(LARGE);
    expect(reads.ofContents).toBe(1);
  });

  it('reads no large content for an outsider', async () => {
    const { storage, reads } = await openCounting();
    const { app } = setUp({ storage });
    await seedRoom(storage, { powerLevels: manyPowerLevels() });
    expectRefusal(await invite(app, { token: 'mallory-token' }), 403, 'M_FORBIDDEN');
    expect(reads.ofContents).toBe(0);
    expect((await invite(app)).status).toBe(200);
    expect(reads.ofContents).toBe(1);
  });

  it('reads the content that was current, although another has replaced it', async () => {
    const { storage, roomId } = await openCounting();
    const snapshot = await storage.readState(roomId, [NAME], inTime());
    await storage.putState(stateEvent(roomId, NAME, { name: 'b'.repeat(50_000) }));
    expect(snapshot?.events[0]?.content).toEqual(LARGE);
  });

  it('reads a large content in the transaction of an append', async () => {
    const { storage, roomId } = await openCounting();
    const basis = await storage.readState(roomId, [CREATE, NAME], inTime());
    if (basis === undefined) throw new Error('no room');
    // Without event IDs, contents are compared.
    const events = basis.events.map(({ event_id: _, ...event }) => event);
    const append = (content: object, from = events) =>
      storage.appendEvent(stateEvent(roomId, NAME, { ...content }), { ...basis, events: from }, inTime());
    const changed = events.map((event) => ({ ...event, content: { ...event.content, changed: true } }));
    expect(await append({}, changed)).toEqual({ outcome: 'stale' });
    expect(await append({})).toMatchObject({ outcome: 'appended' });
  });

  it('says why a large content cannot be read any more', async () => {
    const { database, storage, roomId } = await openCounting();
    const read = async () => (await storage.readState(roomId, [CREATE, NAME], inTime()))?.events ?? [];
    const [, removed] = await read();
    const [small, closed] = await read();
    database.exec(`DELETE FROM matrix_events WHERE type = 'm.room.name'`);
    expect(() => removed?.content).toThrow(/^The content of event "\$.{43}" is no longer stored$/);
    database.close();
    expect(small?.content).toEqual({ room_version: '11' });
    expect(() => closed?.content).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_UNAVAILABLE',
        message: expect.stringMatching(/^SQLite: .*(open|closed|finalized)/),
        isNotStored: true,
      }),
    );
  });
});
