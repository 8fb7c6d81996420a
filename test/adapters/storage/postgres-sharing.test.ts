import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type PostgresPool, PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { lentPool, RecordingPool } from '../../support/recording-pool.ts';
import { basisFor, CREATE, inTime, inviteOf, member, newRoom } from '../../support/storage-room.ts';

const BOB = '@bob:example.org';

let database: TestPostgres;

beforeAll(async () => {
  database = await TestPostgres.open();
  await new PostgresStorage(database.pool()).migrate();
});
afterAll(() => database?.close());

/** Creates rooms, each with the basis of an invite of Bob. */
async function createRooms(storage: PostgresStorage, count: number) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const { roomId, state } = newRoom();
      await storage.createRoom({ roomId, state });
      const basis = await basisFor(storage, roomId, BOB);
      const append = () => storage.appendEvent(inviteOf(roomId, BOB), basis, inTime());
      return { roomId, basis, append };
    }),
  );
}

const lockedBy = async (roomId: string) => {
  const client = await database.pool({ max: 1 }).connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR NO KEY UPDATE', [roomId]);
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
};

describe('calls that wait together', () => {
  it('share a statement, whatever their rooms, and each gets its own result', async () => {
    const pool = new RecordingPool(database.pool());
    const storage = new PostgresStorage(pool);
    const rooms = await createRooms(storage, 30);
    const [changed] = rooms;
    await changed?.append();
    pool.queries.length = 0;

    const results = await Promise.all(rooms.map(({ append }) => append()));
    expect(results.map(({ outcome }) => outcome)).toEqual(['stale', ...Array(29).fill('appended')]);
    expect(pool.queries.length).toBeLessThanOrEqual(3);

    pool.queries.length = 0;
    const reads = await Promise.all([
      storage.readState('!unheard-of:example.org', [CREATE], inTime()),
      ...rooms.map(({ roomId }) => storage.readState(roomId, [member(BOB)], inTime())),
      ...rooms.map(({ roomId }) => storage.readState(roomId, [], inTime())),
    ]);
    expect(pool.queries.length).toBeLessThanOrEqual(3);
    expect(reads[0]).toBeUndefined();
    for (const [index, { roomId }] of rooms.entries()) {
      const result = results[index];
      const { events = [] } = reads[1 + index] ?? {};
      expect(events).toMatchObject([{ state_key: BOB, content: { membership: 'invite' } }]);
      if (result?.outcome === 'appended') expect(events[0]?.event_id).toBe(result.eventId);
      expect(reads[31 + index]).toMatchObject({ roomId, keys: [], events: [] });
    }
  });

  it('use no more than two connections of the pool', async () => {
    const pool = new RecordingPool(database.pool());
    const storage = new PostgresStorage(pool);
    const rooms = await createRooms(storage, 30);
    pool.maxInUse = 0;
    await Promise.all(
      rooms.flatMap(({ roomId, append }) => [append(), storage.readState(roomId, [CREATE], inTime())]),
    );
    expect(pool.maxInUse).toBe(2);
  });

  it('fail alone when a trigger of the host app rejects one of them', async () => {
    const storage = new PostgresStorage(database.pool(), { tablePrefix: 'guarded_' });
    await storage.migrate();
    const rooms = await createRooms(storage, 8);
    const [unlucky] = rooms;
    await database.pool().query(`
      CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.room_id = '${unlucky?.roomId}' THEN RAISE EXCEPTION 'not here'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER guard BEFORE INSERT ON guarded_events FOR EACH ROW EXECUTE FUNCTION guard()`);
    const results = await Promise.all(rooms.map(({ append }) => append()));
    expect(results.map(({ outcome }) => outcome)).toEqual(['refused', ...Array(7).fill('appended')]);
    expect(results[0]).toMatchObject({ error: { status: 403, cause: { code: 'P0001' } } });
  });
});

describe('a room that another connection is changing', () => {
  it('delays its own appends, and no other room', async () => {
    const pool = new RecordingPool(database.pool());
    const storage = new PostgresStorage(pool);
    const rooms = await createRooms(storage, 10);
    const [busy, ...others] = rooms;
    const unlock = await lockedBy(busy?.roomId ?? '');
    let isSettled = false;
    // Twice: together with the others, and once the room is known to be busy.
    const waiting = [busy?.append(), delay(100).then(() => busy?.append())];
    void Promise.race(waiting).then(() => {
      isSettled = true;
    });
    const results = await Promise.all(others.map(({ append }) => append()));
    await delay(300);
    const again = await Promise.all(others.map(({ append }) => append()));
    expect(isSettled).toBe(false);
    await unlock();
    const outcomes = (await Promise.all(waiting)).map((result) => result?.outcome);
    expect(outcomes.sort()).toEqual(['appended', 'stale']);
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(9).fill('appended'));
    expect(again.map(({ outcome }) => outcome)).toEqual(Array(9).fill('stale'));
    // Not even for a moment: no statement has timed out waiting for the lock.
    expect(pool.failures).toEqual([]);
  });

  it('delays its appends, and only them, no longer than lockTimeoutMs', async () => {
    const storage = new PostgresStorage(database.pool(), { lockTimeoutMs: 300 });
    const [busy, other] = await createRooms(storage, 2);
    const unlock = await lockedBy(busy?.roomId ?? '');
    const startedAt = performance.now();
    const [late, appended] = await Promise.allSettled([busy?.append(), other?.append()]);
    expect(performance.now() - startedAt).toBeGreaterThan(250);
    await unlock();
    expect(late).toMatchObject({ reason: { isNotStored: true, cause: { code: '55P03' } } });
    expect(appended).toMatchObject({ value: { outcome: 'appended' } });
  });

  it('with locks other than the lock of the room does not delay other rooms either', async () => {
    const storage = new PostgresStorage(database.pool());
    const rooms = await createRooms(storage, 5);
    const [busy, ...others] = rooms;
    const client = await database.pool({ max: 1 }).connect();
    await client.query('BEGIN');
    // The same key, not committed yet: another insert waits for the outcome.
    await client.query(
      `INSERT INTO matrix_state VALUES ($1, 'm.room.member', $2, 99, '$x', '@x:example.org', '{}')`,
      [busy?.roomId, BOB],
    );
    let isOver = false;
    const waiting = busy?.append().finally(() => {
      isOver = true;
    });
    const results = await Promise.all(others.map(({ append }) => append()));
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(4).fill('appended'));
    expect(isOver).toBe(false);
    await client.query('ROLLBACK');
    client.release();
    expect(await waiting).toMatchObject({ outcome: 'appended' });
  });
});

describe('a dead connection', () => {
  it('delays only the calls that were sent on it', async () => {
    const pool = database.pool({ max: 4 });
    let fail: (reason: Error) => void = () => {};
    const hung = new Promise<never>((_, reject) => {
      fail = reject;
    });
    let isStuck = false;
    const stuckPool: PostgresPool = {
      async connect() {
        const client = await pool.connect();
        if (!isStuck) return client;
        isStuck = false;
        return {
          query: () => hung,
          release: (destroy) => client.release(destroy),
          on: (event, listener) => client.on(event, listener),
          removeListener: (event, listener) => client.removeListener(event, listener),
          getTransactionStatus: () => client.getTransactionStatus(),
        };
      },
    };
    const storage = new PostgresStorage(stuckPool);
    const rooms = await createRooms(storage, 3);
    const [first, ...others] = rooms;
    isStuck = true;
    const stuck = first?.append();
    stuck?.catch(() => {});
    await delay(50);
    const results = await Promise.all(others.map(({ append }) => append()));
    expect(results.map(({ outcome }) => outcome)).toEqual(['appended', 'appended']);
    fail(new Error('no response'));
    await expect(stuck).rejects.toSatisfy(isStorageUnavailable);
    await expect(stuck).rejects.toHaveProperty('isNotStored', false);
  });
});

describe('the plans of statements', () => {
  it('look up each key in the index, even if they were made for small tables and small rooms', async () => {
    const client = await database.pool({ max: 1 }).connect();
    const storage = new PostgresStorage(lentPool(client), { tablePrefix: 'grown_' });
    await storage.migrate();
    const [room] = await createRooms(storage, 1);
    const { roomId = '' } = room ?? {};
    const inviteOne = async (index: number) => {
      const userId = `@guest${index}:example.org`;
      const basis = await basisFor(storage, roomId, userId);
      return storage.appendEvent(inviteOf(roomId, userId), basis, inTime());
    };
    await client.query('ANALYZE');
    // PostgreSQL keeps a plan after five runs.
    for (let index = 0; index < 10; index += 1) await inviteOne(index);
    await client.query(
      `INSERT INTO grown_state SELECT $1, 'm.room.member', '@member' || n || ':example.org', n, '$e' || n, '@x:example.org', '{}'
       FROM generate_series(1, 5000) AS n`,
      [roomId],
    );
    const rowsRead = async () => {
      const { rows } = await client.query(
        `SELECT (seq_tup_read + idx_tup_fetch)::int AS count FROM pg_stat_xact_user_tables WHERE relname = 'grown_state'`,
      );
      return rows[0].count;
    };
    await client.query('BEGIN');
    const before = await rowsRead();
    expect((await inviteOne(10)).outcome).toBe('appended');
    expect((await rowsRead()) - before).toBeLessThan(20);
    await client.query('ROLLBACK');
    client.release();
  });
});

it('a home-made pool whose `release` rejects leaves no rejection unhandled', async () => {
  const pool = database.pool({ max: 1 });
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  onTestFinished(() => void process.off('unhandledRejection', onUnhandled));
  let releases = 0;
  const storage = new PostgresStorage({
    connect: async () => {
      const client = await pool.connect();
      return {
        query: (query) => client.query(query),
        release: async (destroy) => {
          client.release(destroy);
          releases += 1;
          throw new Error('from release');
        },
        on: (event, listener) => client.on(event, listener),
        removeListener: (event, listener) => client.removeListener(event, listener),
      };
    },
  });
  const [room] = await createRooms(storage, 1);
  expect(await room?.append()).toMatchObject({ outcome: 'appended' });
  // Too late for the caller, who no longer waits for the connection.
  const held = await pool.connect();
  const controller = new AbortController();
  const reading = storage.readState(room?.roomId ?? '', [CREATE], { signal: controller.signal });
  const before = releases;
  controller.abort();
  await expect(reading).rejects.toSatisfy(isStorageUnavailable);
  held.release();
  await expect.poll(() => releases).toBeGreaterThan(before);
  await setImmediate();
  expect(unhandled).toEqual([]);
});
