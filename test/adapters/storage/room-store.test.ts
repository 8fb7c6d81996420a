import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../../../adapters/storage/memory.ts';
import { SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import type { RoomStore } from '../../../src/ports/storage.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
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

const STORES: Record<string, () => Promise<RoomStore>> = {
  MemoryStorage: async () => new MemoryStorage(),
  SqliteStorage: async () => {
    const storage = new SqliteStorage(openSqlite(await newSqlitePath()));
    await storage.migrate();
    return storage;
  },
};

describe.each(Object.entries(STORES))('%s', (_, open) => {
  async function openWithRoom(roomVersion?: string) {
    const store = await open();
    const room = newRoom(roomVersion);
    await store.createRoom(room);
    return { store, roomId: room.roomId };
  }

  it.each([
    ['1', /^\$[A-Za-z0-9_-]{43}:example\.org:8448$/],
    ['2', /^\$[A-Za-z0-9_-]{43}:example\.org:8448$/],
    ['3', /^\$[A-Za-z0-9_-]{43}$/],
    ['12', /^\$[A-Za-z0-9_-]{43}$/],
    ['org.example.unknown', /^\$[A-Za-z0-9_-]{43}$/],
  ])('creates event IDs in the form of room version %s', async (version, form) => {
    const store = await open();
    const sender = '@alice:example.org:8448';
    const { roomId, state } = newRoom(version);
    await store.createRoom({ roomId, state: state.map((event) => ({ ...event, sender })) });
    await store.putState(stateEvent(roomId, NAME, {}, sender));
    const basis = await basisFor(store, roomId, BOB);
    await store.appendEvent({ ...inviteOf(roomId, BOB), sender }, basis, inTime());
    const ids = (await store.roomState(roomId))?.map((event) => event.event_id);
    expect(ids).toEqual(state.concat(state).map(() => expect.stringMatching(form)));
    expect(new Set(ids).size).toBe(4);
  });

  it('treats a room without a version as version 1', async () => {
    const store = await open();
    const { roomId, state } = newRoom();
    await store.createRoom({ roomId, state: state.map((event) => ({ ...event, content: {} })) });
    const result = await invite(store, roomId, BOB);
    expect(result).toEqual({ outcome: 'appended', eventId: expect.stringMatching(/:example\.org$/) });
  });

  it('creates a room once', async () => {
    const store = await open();
    const room = newRoom();
    const other = { ...room, state: room.state.slice(0, 1) };
    expect(await Promise.all([store.createRoom(room), store.createRoom(other)])).toEqual([
      'created',
      'exists',
    ]);
    expect(await store.roomState(room.roomId)).toEqual(
      room.state.map((event) => ({ ...event, room_id: room.roomId, event_id: expect.any(String) })),
    );
  });

  it('keeps the last event if the initial state has two under one key', async () => {
    const store = await open();
    const { roomId, state } = newRoom();
    const twice = state.concat(state.map((event) => ({ ...event, content: { second: true } })));
    await store.createRoom({ roomId, state: twice });
    expect((await store.roomState(roomId))?.map((event) => event.content)).toEqual([
      { second: true },
      { second: true },
    ]);
    expect((await store.timeline(roomId))?.events).toHaveLength(4);
  });

  it('returns the current state in commit order', async () => {
    const { store, roomId } = await openWithRoom();
    const topic = { type: 'm.room.topic', state_key: '' };
    for (const key of [NAME, topic, NAME]) await store.putState(stateEvent(roomId, key, {}));
    expect((await store.roomState(roomId))?.slice(2).map(({ type }) => type)).toEqual([
      topic.type,
      NAME.type,
    ]);
  });

  it('returns undefined or stale for an unknown room', async () => {
    const store = await open();
    const roomId = '!none:example.org';
    expect(await store.readState(roomId, [CREATE], inTime())).toBeUndefined();
    expect(await store.putState(stateEvent(roomId, CREATE, {}))).toBeUndefined();
    const basis = { roomId, keys: [member(BOB)], events: [], revision: undefined };
    expect(await store.appendEvent(inviteOf(roomId, BOB), basis, inTime())).toEqual({ outcome: 'stale' });
    expect(await store.roomState(roomId)).toBeUndefined();
    expect(await store.timeline(roomId)).toBeUndefined();
  });

  it('reads a key once that is requested twice', async () => {
    const { store, roomId } = await openWithRoom();
    const snapshot = await store.readState(roomId, [CREATE, member(BOB), CREATE], inTime());
    expect(snapshot?.keys).toEqual([CREATE, member(BOB), CREATE]);
    expect(snapshot?.events).toEqual([
      { ...CREATE, sender: ALICE, content: { room_version: '11' }, event_id: expect.any(String) },
    ]);
  });

  it('reads no events for no keys', async () => {
    const { store, roomId } = await openWithRoom();
    expect(await store.readState(roomId, [], inTime())).toMatchObject({ keys: [], events: [] });
  });

  it('distinguishes keys that some databases consider equal', async () => {
    const { store, roomId } = await openWithRoom();
    const keys = [
      'a',
      'A',
      'a ',
      'a\0',
      'a\0b',
      'a\\u0000',
      'e\u0301',
      '\u00e9',
      '\ud800',
      '\udfff',
      '"',
      "'",
      '1',
      '01',
    ].flatMap((text) => [
      { type: 't', state_key: text },
      { type: text, state_key: 't' },
    ]);
    keys.push({ type: 'tt', state_key: 'a' }, { type: 'tta', state_key: '' });
    for (const [index, key] of keys.entries()) await store.putState(stateEvent(roomId, key, { index }));
    const snapshot = await store.readState(roomId, keys, inTime());
    expect(snapshot?.events).toHaveLength(keys.length);
    for (const event of snapshot?.events ?? []) {
      const { type, state_key, content } = event;
      expect({ type, state_key }).toEqual(keys[Number(content.index)]);
    }
  });

  it('distinguishes rooms whose IDs differ in case, in Unicode form or after a NUL', async () => {
    const store = await open();
    const { state } = newRoom();
    for (const roomId of ['!a', '!A', '!a\0b', '!a\0c', '!e\u0301', '!\u00e9']) {
      expect(await store.createRoom({ roomId, state })).toBe('created');
      expect((await store.timeline(roomId))?.events.map((event) => event.room_id)).toEqual([roomId, roomId]);
    }
  });

  it.each<[string, JsonObject]>([
    ['NUL', { reason: 'a\0b', 'k\0': '\0' }],
    ['a lone surrogate', { reason: '\ud83d' }],
    ['a key named __proto__', JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":null}}')],
    ['the largest integers', { a: 2 ** 53 - 1, b: -(2 ** 53) + 1 }],
    ['unknown keys, nested', { a: [{ b: [[], {}, null, 0.1] }] }],
  ])('returns content exactly: %s', async (__, content) => {
    const { store, roomId } = await openWithRoom();
    await store.putState(stateEvent(roomId, NAME, content));
    const event = (await store.readState(roomId, [NAME], inTime()))?.events[0];
    expect(JSON.stringify(event?.content)).toBe(JSON.stringify(content));
    expect((await store.roomState(roomId))?.at(-1)?.content).toEqual(content);
    expect((await store.timeline(roomId))?.events.at(-1)?.content).toEqual(content);
  });

  it('shares no objects with its arguments and results', async () => {
    const { store, roomId } = await openWithRoom();
    const key = { ...NAME };
    const event = stateEvent(roomId, key, { list: [1] });
    await store.putState(event);
    event.content.list = 'changed';
    const first = await store.readState(roomId, [key], inTime());
    key.state_key = 'changed';
    expect(first?.keys).toEqual([NAME]);
    Object.assign(first?.events[0]?.content ?? {}, { list: 'changed' });
    for (const read of [await store.roomState(roomId), (await store.timeline(roomId))?.events]) {
      expect(read?.at(-1)?.content).toEqual({ list: [1] });
      Object.assign(read?.at(-1) ?? {}, { content: {} });
    }
    expect((await store.readState(roomId, [NAME], inTime()))?.events[0]?.content).toEqual({ list: [1] });
  });

  it('uses the create event as it was when the room was created', async () => {
    const store = await open();
    const { roomId, state } = newRoom('1');
    await store.createRoom({ roomId, state });
    for (const { content } of state) Object.assign(content, { room_version: '12' });
    const result = await invite(store, roomId, BOB);
    expect(result).toEqual({ outcome: 'appended', eventId: expect.stringMatching(/:example\.org$/) });
  });

  it('appends the event as it was when the call was made', async () => {
    const { store, roomId } = await openWithRoom();
    const event = inviteOf(roomId, BOB, 'first');
    const appending = store.appendEvent(event, await basisFor(store, roomId, BOB), inTime());
    event.content.reason = 'changed';
    await appending;
    expect((await store.roomState(roomId))?.at(-1)?.content.reason).toBe('first');
  });

  it('appends a thousand parallel invites of different users', async () => {
    const { store, roomId } = await openWithRoom();
    const users = Array.from({ length: 1_000 }, (__, index) => `@user${index}:example.org`);
    const results = await Promise.all(users.map((userId) => invite(store, roomId, userId)));
    expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1_000);
    const ids = new Set(results.map((result) => result.outcome === 'appended' && result.eventId));
    const state = (await store.roomState(roomId))?.slice(2);
    expect(new Set(state?.map((event) => event.event_id))).toEqual(ids);
    expect(new Set(state?.map((event) => event.state_key))).toEqual(new Set(users));
  });

  it('appends one of a thousand invites of one user from one basis', async () => {
    const { store, roomId } = await openWithRoom();
    const basis = await basisFor(store, roomId, BOB);
    const results = await Promise.all(
      Array.from({ length: 1_000 }, () => store.appendEvent(inviteOf(roomId, BOB), basis, inTime())),
    );
    expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'stale')).toHaveLength(999);
    expect((await store.timeline(roomId))?.events).toHaveLength(3);
  });

  it('is stale when a key of the basis changed, and only then', async () => {
    const { store, roomId } = await openWithRoom();
    const basis = await basisFor(store, roomId, BOB);
    await store.putState(stateEvent(roomId, NAME, { name: 'outside the basis' }));
    await store.putState(stateEvent(roomId, member(ALICE), { membership: 'join' }));
    expect(await store.appendEvent(inviteOf(roomId, BOB), basis, inTime())).toEqual({ outcome: 'stale' });
    const fresh = await basisFor(store, roomId, BOB);
    await store.putState(stateEvent(roomId, NAME, { name: 'outside again' }));
    expect(await store.appendEvent(inviteOf(roomId, BOB), fresh, inTime())).toMatchObject({
      outcome: 'appended',
    });
  });

  it('compares sender and content with a basis that has no event IDs', async () => {
    const { store, roomId } = await openWithRoom();
    const { events, ...rest } = await basisFor(store, roomId, BOB);
    const basis = { ...rest, events: events.map(({ event_id, ...event }) => event) };
    expect(await store.appendEvent(inviteOf(roomId, BOB), basis, inTime())).toMatchObject({
      outcome: 'appended',
    });
    expect(await store.appendEvent(inviteOf(roomId, BOB), basis, inTime())).toEqual({ outcome: 'stale' });
  });

  it('throws a TypeError for a basis without the key of the event', async () => {
    const { store, roomId } = await openWithRoom();
    const basis = await basisFor(store, roomId, ALICE);
    await expect(store.appendEvent(inviteOf(roomId, BOB), basis, inTime())).rejects.toThrow(TypeError);
  });

  it('does nothing if the signal is already aborted', async () => {
    const { store, roomId } = await openWithRoom();
    const basis = await basisFor(store, roomId, BOB);
    const aborted = { signal: AbortSignal.abort() };
    await expect(store.appendEvent(inviteOf(roomId, BOB), basis, aborted)).rejects.toSatisfy(
      isStorageUnavailable,
    );
    await expect(store.readState(roomId, [CREATE], aborted)).rejects.toSatisfy(isStorageUnavailable);
    expect((await store.timeline(roomId))?.events).toHaveLength(2);
  });

  it('pages through the log in commit order', async () => {
    const { store, roomId } = await openWithRoom();
    const other = newRoom();
    await store.createRoom(other);
    for (let index = 0; index < 5; index += 1) {
      await store.putState(stateEvent(roomId, NAME, { index }));
      await store.putState(stateEvent(other.roomId, NAME, { index: 'other' }));
    }
    const seen: unknown[] = [];
    let after: number | undefined;
    for (;;) {
      const page = await store.timeline(roomId, { after, limit: 3 });
      if (page === undefined || page.events.length === 0) break;
      expect(page.events.length).toBeLessThanOrEqual(3);
      seen.push(...page.events.map((event) => event.content.index ?? event.type));
      after = page.next;
    }
    expect(seen).toEqual(['m.room.create', 'm.room.member', 0, 1, 2, 3, 4]);
    expect(await store.timeline(roomId, { after })).toEqual({ events: [], next: after });
  });

  it('returns a hundred events without a limit', async () => {
    const { store, roomId } = await openWithRoom();
    await Promise.all(
      Array.from({ length: 120 }, (__, index) => store.putState(stateEvent(roomId, NAME, { index }))),
    );
    expect((await store.timeline(roomId))?.events).toHaveLength(100);
  });

  it.each([{ after: -1 }, { after: 0.5 }, { limit: -1 }, { limit: Number.NaN }, { limit: Infinity }])(
    'throws a RangeError for the timeline options %j',
    async (options) => {
      const { store, roomId } = await openWithRoom();
      await expect(store.timeline(roomId, options)).rejects.toThrow(RangeError);
    },
  );
});
