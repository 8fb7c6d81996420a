import { describe, expect, it } from 'vitest';
import { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import { SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import { SqliteGraphStorage } from '../../../adapters/storage/sqlite-graph/index.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { authEventKeys, eventIdOf } from '../../../src/pdu/index.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import { ROOM_VERSIONS } from '../../../src/rooms/room-version.ts';
import { checkGraph } from '../../support/graph-check.ts';
import { newFederatedRoom, SIGNER } from '../../support/graph-room.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import {
  ALICE,
  basisFor,
  inTime,
  invite,
  inviteOf,
  member,
  NAME,
  newRoom,
  stateEvent,
} from '../../support/storage-room.ts';

const BOB = '@bob:example.org';
const DAVE = '@dave:remote.example.com';
const POWER_LEVELS = { type: 'm.room.power_levels', state_key: '' };

const STORES = {
  MemoryGraphStorage: async (signer: Signer = SIGNER) => new MemoryGraphStorage({ signer }),
  SqliteGraphStorage: async (signer: Signer = SIGNER) => {
    const storage = new SqliteGraphStorage(openSqlite(await newSqlitePath()), { signer });
    await storage.migrate();
    return storage;
  },
};

/** A signer that waits, once it is closed, until it is opened. */
function gate() {
  let open = () => {};
  let entered = () => {};
  let closed: Promise<void> | undefined;
  const signer: Signer = {
    ...SIGNER,
    async sign(bytes, context) {
      entered();
      await closed;
      return SIGNER.sign(bytes, context);
    },
  };
  const close = () => {
    closed = new Promise((resolve) => {
      open = () => {
        closed = undefined;
        resolve();
      };
    });
    return new Promise<void>((resolve) => {
      entered = resolve;
    });
  };
  return { signer, close, open: () => open() };
}

describe.each(Object.entries(STORES))('%s', (_, open) => {
  it.each([...ROOM_VERSIONS.keys()])('creates rooms of version %s', async (version) => {
    const store = await open();
    const roomId = await store.createFederatedRoom({
      ...newFederatedRoom(version),
      createContent: { type: 'm.space', creator: 'replaced', room_version: 'replaced' },
    });
    const hasDomain = ROOM_VERSIONS.get(version)?.roomIdHasDomain;
    expect(roomId).toMatch(hasDomain ? /^![A-Za-z0-9_-]{24}:example\.org$/ : /^![A-Za-z0-9_-]{43}$/);
    const [create] = (await store.roomState(roomId)) ?? [];
    if (!hasDomain) expect(create?.event_id).toBe(`$${roomId.slice(1)}`);
    expect(create?.content).toEqual({
      type: 'm.space',
      creator: Number(version) <= 10 ? ALICE : 'replaced',
      room_version: version,
    });
    expect(await invite(store, roomId, BOB)).toMatchObject({ outcome: 'appended' });
    expect(await store.putState(stateEvent(roomId, NAME, { name: 'Another name' }))).toBeDefined();
    expect((await checkGraph(store, roomId, version)).map(({ type }) => type)).toEqual([
      'm.room.create',
      'm.room.member',
      'm.room.name',
      'm.room.member',
      'm.room.name',
    ]);
  });

  it('creates two rooms of version 12 that are equal', async () => {
    const store = await open();
    const ids = await Promise.all(
      Array.from({ length: 20 }, () => store.createFederatedRoom(newFederatedRoom('12'))),
    );
    expect(new Set(ids).size).toBe(20);
    for (const roomId of ids) expect((await store.timeline(roomId))?.events).toHaveLength(3);
  });

  it('rejects rooms that it cannot sign', async () => {
    const store = await open();
    const room = newFederatedRoom();
    const create = { type: 'm.room.create', state_key: '', sender: ALICE, origin_server_ts: 0, content: {} };
    const calls = [
      store.createFederatedRoom({ ...room, roomVersion: '99' }),
      store.createFederatedRoom({ ...room, creator: DAVE }),
      store.createFederatedRoom({ ...room, state: [...room.state, create] }),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(TypeError);
    const [join] = room.state;
    const state = join === undefined ? [] : [{ ...join, content: { membership: 'join', level: 0.5 } }];
    await expect(store.createFederatedRoom({ ...room, state })).rejects.toMatchObject({
      status: 400,
      errcode: 'M_BAD_JSON',
    });
  });

  it('refuses what cannot be a PDU, and signs for its own users only', async () => {
    const store = await open();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const basis = await basisFor(store, roomId, BOB);
    const event = inviteOf(roomId, BOB);
    const large = { ...event, content: { ...event.content, reason: 'a'.repeat(70_000) } };
    const fraction = { ...event, content: { ...event.content, level: 0.5 } };
    expect(await store.appendEvent(large, basis, inTime())).toMatchObject({
      outcome: 'refused',
      error: { status: 413, errcode: 'M_TOO_LARGE' },
    });
    expect(await store.appendEvent(fraction, basis, inTime())).toMatchObject({
      outcome: 'refused',
      error: { status: 400, errcode: 'M_BAD_JSON' },
    });
    await expect(store.build(large, basis, inTime())).rejects.toMatchObject({ status: 413 });
    await expect(store.putState(large)).rejects.toMatchObject({ status: 413 });
    const foreign = { ...event, sender: DAVE };
    await expect(store.appendEvent(foreign, basis, inTime())).rejects.toThrow(TypeError);
    await expect(store.putState(foreign)).rejects.toThrow(TypeError);
    expect((await store.timeline(roomId))?.events).toHaveLength(3);
  });

  it('keeps rooms local that createRoom created', async () => {
    const store = await open();
    const room = newRoom();
    expect(await store.createRoom(room)).toBe('created');
    await invite(store, room.roomId, BOB);
    await store.putState(stateEvent(room.roomId, NAME, { level: 0.5 }, DAVE));
    expect(await store.pdus(room.roomId)).toBeUndefined();
    const basis = await basisFor(store, room.roomId, DAVE);
    expect(await store.build(inviteOf(room.roomId, DAVE), basis, inTime())).toEqual({
      outcome: 'notFederated',
    });
    expect(await store.unfinished({ olderThanMs: 0, limit: 10 }, inTime())).toEqual([]);
    const federated = await store.createFederatedRoom(newFederatedRoom());
    expect(await store.createRoom({ ...room, roomId: federated })).toBe('exists');
  });

  it('rejects with a StorageUnavailableError while the signer fails, and stores nothing', async () => {
    const failing: Signer = { ...SIGNER, sign: () => Promise.reject(new Error('KMS is down')) };
    const store = await open(failing);
    await expect(store.createFederatedRoom(newFederatedRoom())).rejects.toSatisfy(
      (error) => isStorageUnavailable(error) && error.isNotStored,
    );
  });

  it('holds no lock while it signs', async () => {
    const { signer, close, open: openGate } = gate();
    const store = await open(signer);
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const local = newRoom();
    await store.createRoom(local);
    const entered = close();
    const appending = invite(store, roomId, BOB);
    await entered;
    expect(await invite(store, local.roomId, BOB)).toMatchObject({ outcome: 'appended' });
    expect(await store.readState(roomId, [NAME], inTime())).toBeDefined();
    openGate();
    expect(await appending).toMatchObject({ outcome: 'appended' });
    await checkGraph(store, roomId);
  });

  it('builds an event again if what authorizes it changes while it is signed', async () => {
    const { signer, close, open: openGate } = gate();
    const store = await open(signer);
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const basis = await store.readState(roomId, [member(BOB)], inTime());
    if (basis === undefined) throw new Error('There is no room');
    const entered = close();
    const event = inviteOf(roomId, BOB, 'as it was when the call was made');
    const appending = store.appendEvent(event, basis, inTime());
    event.content.reason = 'changed';
    await entered;
    const putting = store.putState(stateEvent(roomId, POWER_LEVELS, { invite: 0 }));
    openGate();
    await Promise.all([appending, putting]);
    const log = await checkGraph(store, roomId);
    const { events = [] } = (await store.pdus(roomId)) ?? {};
    const invited = events.find(({ pdu }) => pdu.state_key === BOB);
    expect(invited?.pdu.content.reason).toBe('as it was when the call was made');
    const position = log.findIndex(({ event_id }) => event_id === invited?.eventId);
    const before = log.slice(0, position);
    const auth = authEventKeys(inviteOf(roomId, BOB), '11').flatMap(({ type, state_key }) => {
      const current = before.findLast((each) => each.type === type && each.state_key === state_key);
      return current === undefined ? [] : [current.event_id];
    });
    expect(invited?.pdu.auth_events).toEqual(auth);
  });

  it('builds and appends an invite as it was when the calls were made', async () => {
    const store = await open();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const basis = await basisFor(store, roomId, BOB);
    const event = inviteOf(roomId, BOB, 'as it was');
    const building = store.build(event, basis, inTime());
    event.content.reason = 'changed';
    const built = await building;
    if (built.outcome !== 'built') throw new Error(`The invite is ${built.outcome}`);
    const pdu = structuredClone(built.invite.pdu);
    const appending = store.append(built.invite, pdu, basis, inTime());
    pdu.content.reason = 'changed';
    expect(await appending).toMatchObject({ outcome: 'appended' });
    const { events = [] } = (await store.pdus(roomId)) ?? {};
    expect(events.at(-1)?.pdu.content.reason).toBe('as it was');
  });

  it('is stale if the basis changes while the event is signed', async () => {
    const { signer, close, open: openGate } = gate();
    let signing = 0;
    const store = await open({
      ...SIGNER,
      sign(bytes, context) {
        if (!Buffer.from(bytes).includes('"membership":"invite"')) return SIGNER.sign(bytes, context);
        signing += 1;
        return signer.sign(bytes, context);
      },
    });
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const other = await store.createFederatedRoom(newFederatedRoom());
    const basis = await basisFor(store, roomId, BOB);
    signing = 0;
    void close();
    const appending = store.appendEvent(inviteOf(roomId, BOB), basis, inTime());
    const building = store.build(inviteOf(roomId, BOB, 'built'), basis, inTime());
    await expect.poll(() => signing).toBe(2);
    await store.putState(stateEvent(roomId, member(BOB), { membership: 'ban' }));
    openGate();
    expect([await appending, await building]).toEqual([{ outcome: 'stale' }, { outcome: 'stale' }]);
    await checkGraph(store, roomId);
    expect((await store.timeline(other))?.events).toHaveLength(3);
  });

  it('appends hundreds of parallel invites, and the next events join the ends', async () => {
    const store = await open();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const users = Array.from({ length: 200 }, (__, index) => `@user${index}:example.org`);
    const results = await Promise.all(users.map((userId) => invite(store, roomId, userId)));
    expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(200);
    for (let count = 0; count < 15; count += 1) await store.putState(stateEvent(roomId, NAME, { count }));
    await checkGraph(store, roomId);
    const { events = [] } = (await store.pdus(roomId, { limit: 1_000 })) ?? {};
    expect(events.at(-1)?.pdu.prev_events).toHaveLength(1);
  });

  it('returns PDUs in pages, with the positions of the timeline', async () => {
    const store = await open();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    await store.createFederatedRoom(newFederatedRoom());
    await store.putState(stateEvent(roomId, NAME, { name: 'Another name' }));
    let after: number | undefined;
    for (const limit of [1, 2, 3, 4]) {
      const [log, pdus] = [
        await store.timeline(roomId, { after, limit }),
        await store.pdus(roomId, { after, limit }),
      ];
      expect(pdus?.next).toBe(log?.next);
      expect(pdus?.events.map(({ eventId }) => eventId)).toEqual(log?.events.map(({ event_id }) => event_id));
      after = log?.next;
    }
    await expect(store.pdus(roomId, { limit: -1 })).rejects.toThrow(RangeError);
  });

  it('keeps room version 3 event IDs with / and +', async () => {
    const store = await open();
    const roomId = await store.createFederatedRoom(newFederatedRoom('3'));
    for (let count = 0; count < 60; count += 1) await store.putState(stateEvent(roomId, NAME, { count }));
    const log = await checkGraph(store, roomId, '3');
    expect(log.some(({ event_id }) => /[/+]/.test(event_id))).toBe(true);
  });

  it.each([
    undefined,
    null,
    {},
    { signer: { ...SIGNER, sign: undefined } },
    { signer: { ...SIGNER, keyId: 'rsa:1' } },
    { signer: { ...SIGNER, serverName: 'no server name' } },
    { signer: SIGNER, unknown: true },
  ])('rejects the options %j', async (options) => {
    const database = openSqlite(await newSqlitePath());
    // @ts-expect-error: wrong options
    expect(() => new MemoryGraphStorage(options)).toThrow(TypeError);
    // @ts-expect-error: wrong options
    expect(() => new SqliteGraphStorage(database, options)).toThrow(TypeError);
  });
});

describe('SqliteGraphStorage', () => {
  it('opens a file of SqliteStorage, whose rooms stay local', async () => {
    const path = await newSqlitePath();
    const plain = new SqliteStorage(openSqlite(path), { tablePrefix: 'chat_' });
    await plain.migrate();
    const local = newRoom();
    await plain.createRoom(local);
    const store = new SqliteGraphStorage(openSqlite(path), { signer: SIGNER, tablePrefix: 'chat_' });
    await store.migrate();
    expect(await invite(store, local.roomId, BOB)).toMatchObject({ outcome: 'appended' });
    expect(await store.pdus(local.roomId)).toBeUndefined();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    expect(await plain.roomState(roomId)).toEqual(await store.roomState(roomId));
    expect(await plain.roomState(local.roomId)).toHaveLength(3);
  });

  it('remembers the rooms that it appends to', async () => {
    const store = await STORES.SqliteGraphStorage();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    expect(store.recall(roomId, [member(BOB)])).toBeUndefined();
    await invite(store, roomId, BOB);
    const basis = store.recall(roomId, [NAME]) ?? (await basisFor(store, roomId, DAVE));
    const built = await store.build(inviteOf(roomId, DAVE), basis, inTime());
    if (built.outcome !== 'built') throw new Error(built.outcome);
    await store.append(built.invite, built.invite.pdu, basis, inTime());
    await store.putState(stateEvent(roomId, member(ALICE), { membership: 'join', displayname: 'Alice' }));
    const recalled = store.recall(roomId, [member(BOB), member(DAVE), member(ALICE)]);
    expect(recalled?.events.map(({ event_id }) => event_id)).toEqual(
      (await store.readState(roomId, [member(BOB), member(DAVE), member(ALICE)], inTime()))?.events.map(
        ({ event_id }) => event_id,
      ),
    );
  });

  it('distinguishes what was built for keys that some databases consider equal', async () => {
    const store = await STORES.SqliteGraphStorage();
    const roomId = await store.createFederatedRoom(newFederatedRoom());
    const users = [
      '@a:example.com',
      '@A:example.com',
      '@a\\u0000:example.com',
      '@é:example.com',
      '@e\u0301:example.com',
    ];
    const ids = new Set<string>();
    for (const userId of users) {
      const basis = await basisFor(store, roomId, userId);
      const result = await store.build(inviteOf(roomId, userId), basis, inTime());
      if (result.outcome !== 'built') throw new Error(result.outcome);
      expect(eventIdOf(result.invite.pdu, '11')).toBe(result.invite.eventId);
      expect(result.invite.pdu.state_key).toBe(userId);
      ids.add(result.invite.eventId);
    }
    expect(ids.size).toBe(users.length);
  });
});
