import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { RecordingPool } from '../../support/recording-pool.ts';
import { basisFor, CREATE, inTime, inviteOf, NAME, newRoom, stateEvent } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const BOB = '@bob:example.org';

let database: TestPostgres;

beforeAll(async () => {
  database = await TestPostgres.open();
  await new PostgresStorage(database.pool()).migrate();
});
afterAll(() => database?.close());

/** Starts a proxy that counts round trips: requests that wait for a response. */
async function countingProxy() {
  const proxy = await TcpProxy.start(database.port, database.host);
  const requests: Buffer[] = [];
  let hasResponse = true;
  let roundTrips = 0;
  proxy.onRequest = (piece) => {
    if (hasResponse) roundTrips += 1;
    hasResponse = false;
    requests.push(piece);
    return 'pass';
  };
  proxy.onResponse = () => {
    hasResponse = true;
    return 'pass';
  };
  /** Runs `work` and returns its result, the number of round trips, and the bytes that were sent. */
  const during = async <T>(work: () => Promise<T>) => {
    roundTrips = 0;
    requests.length = 0;
    const result = await work();
    return { result, roundTrips, sent: Buffer.concat(requests).toString('latin1') };
  };
  return { proxy, during };
}

describe('on the wire', () => {
  it('reading state and appending an event take one round trip each, and are prepared once', async () => {
    const { proxy, during } = await countingProxy();
    const pool = database.pool({ host: '127.0.0.1', port: proxy.port, max: 1 });
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await storage.createRoom(room);

    for (const userId of ['@first:example.org', '@second:example.org', '@third:example.org']) {
      const isFirst = userId.startsWith('@first');
      const read = await during(() => basisFor(storage, room.roomId, userId));
      const append = await during(() =>
        storage.appendEvent(inviteOf(room.roomId, userId), read.result, inTime()),
      );
      expect(append.result).toMatchObject({ outcome: 'appended' });
      expect([read.roundTrips, append.roundTrips]).toEqual([1, 1]);
      expect(read.sent.includes('FROM matrix_read_state(')).toBe(isFirst);
      expect(append.sent.includes('matrix_append_event(')).toBe(isFirst);
      const stale = await during(() =>
        storage.appendEvent(inviteOf(room.roomId, userId), read.result, inTime()),
      );
      expect(stale).toMatchObject({ result: { outcome: 'stale' }, roundTrips: 1 });
    }
    const change = () => storage.putState(stateEvent(room.roomId, NAME, {}));
    await change();
    for (const work of [
      change,
      () => storage.roomState(room.roomId),
      () => storage.timeline(room.roomId),
      () => storage.readState('!unheard-of:example.org', [CREATE], inTime()),
    ]) {
      expect((await during<unknown>(work)).roundTrips).toBe(1);
    }
    await pool.end();
    await proxy.close();
  });

  it('without preparedStatements, nothing stays prepared, and one round trip is still enough', async () => {
    const { proxy, during } = await countingProxy();
    const pool = database.pool({ host: '127.0.0.1', port: proxy.port, max: 1 });
    const storage = new PostgresStorage(pool, { preparedStatements: false });
    const room = newRoom();
    await storage.createRoom(room);
    for (const userId of ['@first:example.org', '@second:example.org']) {
      const read = await during(() => basisFor(storage, room.roomId, userId));
      const append = await during(() =>
        storage.appendEvent(inviteOf(room.roomId, userId), read.result, inTime()),
      );
      expect(append.result).toMatchObject({ outcome: 'appended' });
      expect([read.roundTrips, append.roundTrips]).toEqual([1, 1]);
    }
    expect((await pool.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([]);
    const prepared = new PostgresStorage(pool);
    await prepared.roomState(room.roomId);
    const { rows } = await pool.query('SELECT name FROM pg_prepared_statements');
    expect(rows).toEqual([{ name: 'matrix_roomState_1' }]);
    await pool.end();
    await proxy.close();
  });

  it('a call whose deadline has passed sends nothing', async () => {
    const pool = new RecordingPool(database.pool());
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await storage.createRoom(room);
    const basis = await basisFor(storage, room.roomId, BOB);
    pool.queries.length = 0;
    const context = { signal: AbortSignal.abort() };
    await expect(storage.readState(room.roomId, [CREATE], context)).rejects.toSatisfy(isStorageUnavailable);
    await expect(storage.appendEvent(inviteOf(room.roomId, BOB), basis, context)).rejects.toSatisfy(
      isStorageUnavailable,
    );
    expect(pool.queries).toEqual([]);
  });
});

describe('a connection', () => {
  const fake = (error: unknown) => {
    const released: unknown[] = [];
    const client = {
      // Nothing was left behind on the connection.
      query: ({ text }: { text: string }) =>
        text.includes('pg_settings') ? Promise.resolve({ rows: [] }) : Promise.reject(error),
      release: (destroy: unknown) => released.push(destroy),
      on: () => {},
      removeListener: () => {},
    };
    return { storage: new PostgresStorage({ connect: async () => client }), released };
  };

  it.each([
    ['a statement was canceled', '57014', false],
    ['a lock took too long', '55P03', false],
    ['a table is missing', '42P01', false],
    ['the disk is full', '53100', false],
    ['the server is shut down', '57P01', true],
    ['the server has crashed', '57P02', true],
    ['the connection failed', '08006', true],
    ['the server is a replica', '25006', true],
    ['the socket is broken', 'EPIPE', true],
    ['the socket is reset', 'ECONNRESET', true],
    ['there is no response', undefined, true],
  ])('after "%s" (%s), closed: %s', async (_, code, isClosed) => {
    const { storage, released } = fake(Object.assign(new Error('no'), { code }));
    const failure = storage.readState('!a', [], inTime());
    await expect(failure).rejects.toSatisfy(isStorageUnavailable);
    await expect(failure).rejects.toHaveProperty('cause.message', 'no');
    expect(released).toEqual([isClosed]);
  });

  it('that arrives too late goes back to the pool', async () => {
    const pool = database.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const held = await pool.connect();
    const late = storage.readState('!a', [CREATE], { signal: AbortSignal.timeout(50) });
    await expect(late).rejects.toThrow('The deadline passed');
    held.release();
    expect(await storage.readState('!a', [CREATE], inTime())).toBeUndefined();
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
  });

  it('keeps no listener after a call', async () => {
    const pool = database.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const listeners = async () => {
      const client = await pool.connect();
      const count = client.listenerCount('error');
      client.release();
      return count;
    };
    const before = await listeners();
    await storage.readState('!a', [CREATE], inTime());
    await expect(new PostgresStorage(pool, { tablePrefix: 'no_' }).roomState('!a')).rejects.toThrow();
    expect(await listeners()).toBe(before);
  });
});

describe('appends to one room that wait together', () => {
  async function open(config = {}) {
    const pool = new RecordingPool(database.pool(config));
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await storage.createRoom(room);
    const { roomId } = room;
    const basis = async (userId: string) => basisFor(storage, roomId, userId);
    const users = Array.from({ length: 40 }, (_, index) => `@guest${index}:example.org`);
    const bases = await Promise.all(users.map(basis));
    pool.queries.length = 0;
    pool.maxInUse = 0;
    const appendAll = (context = inTime) =>
      Promise.allSettled(
        bases.map((each, index) =>
          storage.appendEvent(inviteOf(roomId, users[index] ?? ''), each, context()),
        ),
      );
    return { pool, storage, roomId, users, appendAll };
  }

  it('share statements and use one connection', async () => {
    const { pool, storage, roomId, users, appendAll } = await open();
    const results = await appendAll();
    expect(results.every((each) => each.status === 'fulfilled' && each.value.outcome === 'appended')).toBe(
      true,
    );
    expect(pool.queries.length).toBeLessThan(5);
    expect(pool.maxInUse).toBe(1);
    const log = (await storage.timeline(roomId))?.events ?? [];
    expect(log.slice(2).map(({ state_key }) => state_key)).toEqual(users);
    expect(results.map((each) => each.status === 'fulfilled' && each.value)).toEqual(
      log.slice(2).map(({ event_id }) => ({ outcome: 'appended', eventId: event_id })),
    );
  });

  it('fail alone when a trigger of the host app rejects one of them', async () => {
    const admin = database.pool();
    await admin.query(`CREATE FUNCTION no_guest7() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN RAISE EXCEPTION 'no'; END$$`);
    await admin.query(`CREATE TRIGGER no_guest7 BEFORE INSERT ON matrix_events FOR EACH ROW
      WHEN (NEW.state_key = '@guest7:example.org') EXECUTE FUNCTION no_guest7()`);
    const { storage, roomId, appendAll } = await open();
    const results = await appendAll();
    await admin.query('DROP TRIGGER no_guest7 ON matrix_events');
    expect(results.map((each) => each.status === 'fulfilled' && each.value.outcome)).toEqual(
      results.map((_, index) => (index === 7 ? 'refused' : 'appended')),
    );
    expect(results[7]).toHaveProperty('value.error.cause.code', 'P0001');
    expect((await storage.timeline(roomId))?.events).toHaveLength(41);
  });

  it('are dropped, unsent, at their own deadlines', async () => {
    const { pool, storage, roomId, appendAll } = await open({ max: 1 });
    const held = await pool.connect();
    const results = await appendAll(() => ({ signal: AbortSignal.timeout(50) }));
    held.release();
    for (const result of results) expect(result).toHaveProperty('reason.code', 'ERR_STORAGE_UNAVAILABLE');
    expect((await storage.timeline(roomId))?.events).toHaveLength(2);
    expect(pool.queries.length).toBe(1);
    const after = await appendAll();
    expect(after.every(({ status }) => status === 'fulfilled')).toBe(true);
  });

  it('do not fail with the previous statement', async () => {
    const { roomId } = await open();
    const storage = new PostgresStorage(database.pool(), { lockTimeoutMs: 400 });
    const [first, second] = await Promise.all(
      ['@one:example.org', '@two:example.org'].map(async (userId) => {
        const basis = await basisFor(storage, roomId, userId);
        return () => storage.appendEvent(inviteOf(roomId, userId), basis, inTime());
      }),
    );
    const holder = await database.pool().connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [roomId]);
    const failing = expect(first?.()).rejects.toHaveProperty('cause.code', '55P03');
    await delay(100);
    const waiting = second?.();
    await failing;
    await holder.query('COMMIT');
    holder.release();
    expect(await waiting).toMatchObject({ outcome: 'appended' });
  });

  it('all fail without a connection, and later appends do not wait for them', async () => {
    const { appendAll, pool } = await open();
    pool.isDown = true;
    const results = await appendAll();
    for (const result of results) expect(result).toHaveProperty('reason.cause.message', 'down');
    pool.isDown = false;
    expect((await appendAll()).every(({ status }) => status === 'fulfilled')).toBe(true);
  });
});
