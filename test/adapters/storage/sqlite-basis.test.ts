import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { basisFor, inTime, inviteOf, member, NAME, newRoom, stateEvent } from '../../support/storage-room.ts';

const BOB = '@bob:example.org';

async function openRoom(roomVersion?: string) {
  const database = openSqlite(await newSqlitePath());
  const storage = new SqliteStorage(database);
  await storage.migrate();
  const room = newRoom(roomVersion);
  await storage.createRoom(room);
  const { roomId } = room;
  const append = (basis: StateSnapshot) => storage.appendEvent(inviteOf(roomId, BOB), basis, inTime());
  return { database, storage, roomId, append };
}

function withoutIds(basis: StateSnapshot): StateSnapshot {
  return { ...basis, events: basis.events.map(({ event_id, ...event }) => event) };
}

describe('a basis', () => {
  it('whose events have no IDs is compared by sender and content', async () => {
    const { storage, roomId, append } = await openRoom();
    const basis = withoutIds(await basisFor(storage, roomId, BOB));
    expect(await append(basis)).toMatchObject({ outcome: 'appended' });
    expect(await append(basis)).toEqual({ outcome: 'stale' });
  });

  it.each<[string, Partial<StateSnapshot>]>([
    ['no events', {}],
    ['an event under none of its keys', { events: [{ ...NAME, sender: BOB, content: {}, event_id: '$1' }] }],
  ])('of an unknown room is stale, with %s', async (_, rest) => {
    const { storage } = await openRoom();
    const roomId = '!unknown:example.org';
    const basis = { roomId, keys: [member(BOB)], events: [], revision: undefined, ...rest };
    expect(await storage.appendEvent(inviteOf(roomId, BOB), basis, inTime())).toEqual({ outcome: 'stale' });
    expect(await storage.roomState(roomId)).toBeUndefined();
  });

  it('may have a key twice', async () => {
    const { storage, roomId, append } = await openRoom();
    const basis = await basisFor(storage, roomId, BOB);
    expect(await append({ ...basis, keys: [...basis.keys, ...basis.keys] })).toMatchObject({
      outcome: 'appended',
    });
  });

  it('may lack the create event: the event ID still has the form of the room version', async () => {
    const { storage, roomId, append } = await openRoom('1');
    const basis = await storage.readState(roomId, [member(BOB)], inTime());
    if (basis === undefined) throw new Error('no room');
    expect(await append(basis)).toMatchObject({ eventId: expect.stringMatching(/:example\.org$/) });
  });

  it('may have an event that the host app wrote with an ID of its own', async () => {
    const { database, storage, roomId, append } = await openRoom();
    await storage.putState(stateEvent(roomId, NAME, {}));
    database.exec(String.raw`UPDATE matrix_events SET event_id = '$a\"b,null' WHERE type = 'm.room.name'`);
    const keys = [NAME, member(BOB)];
    const basis = await storage.readState(roomId, keys, inTime());
    if (basis === undefined) throw new Error('no room');
    expect(basis.events).toMatchObject([{ event_id: '$a"b,null' }]);
    expect(await append(basis)).toMatchObject({ outcome: 'appended' });
  });
});

describe('writes that share a transaction', () => {
  it('see the earlier writes, even if one of them fails', async () => {
    const { database, storage, roomId, append } = await openRoom();
    database.exec(`CREATE TRIGGER no_name BEFORE INSERT ON matrix_events WHEN NEW.type = 'm.room.name'
      BEGIN SELECT RAISE(ABORT, 'no name'); END`);
    const basis = await basisFor(storage, roomId, BOB);
    const [first, failed, second] = await Promise.allSettled([
      append(basis),
      storage.putState(stateEvent(roomId, NAME, {})),
      append(basis),
    ]);
    expect(first).toMatchObject({ value: { outcome: 'appended' } });
    expect(failed).toMatchObject({ reason: { isNotStored: true } });
    expect(second).toMatchObject({ value: { outcome: 'stale' } });
    expect((await storage.timeline(roomId))?.events).toHaveLength(3);
  });
});
