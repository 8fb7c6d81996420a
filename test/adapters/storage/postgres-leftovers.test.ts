import { createInviteService } from 'express-matrix-invite';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type PostgresPool, PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { PgBouncer } from '../../../servers/pgbouncer.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import type { AddressKey } from '../../../src/ports/pending-address-invites.ts';
import { newInvite, newKey } from '../../../src/testing/pending-address-invites/harness.ts';
import {
  ALICE,
  basisFor,
  CREATE,
  inTime,
  inviteOf,
  member,
  NAME,
  newRoom,
  stateEvent,
} from '../../support/storage-room.ts';
import { storageErrorOf } from './not-stored.ts';

const BOB = '@bob:example.org';
/** Is stored as other characters if the connection's encoding is not UTF-8. */
const REASON = 'Grüße, 日本 🎉';

let server: PostgresServer;
let admin: pg.Pool;
/** Reads and writes on its own connections. */
let observer: PostgresStorage;

beforeAll(async () => {
  server = await PostgresServer.start();
  admin = server.pool();
  await admin.query('CREATE SCHEMA app');
  await admin.query('CREATE ROLE outsider');
  observer = new PostgresStorage(admin);
  await observer.migrate();
  await new PostgresStorage(admin, { tablePrefix: 'app.matrix_' }).migrate();
});
afterAll(() => server.close());

/** Gives the pool's connection back after these statements, as a host app would that forgets to clean up. */
async function leave(pool: pg.Pool, statements: readonly string[]): Promise<number> {
  const client = await pool.connect();
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  for (const statement of statements) await client.query(statement).catch(() => {});
  client.release();
  return rows[0].pid;
}

async function isOpen(pid: number): Promise<boolean> {
  return (await admin.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])).rows.length > 0;
}

/** The calls of a storage. Each returns what it has stored or read. */
const CALLS = {
  async readState(storage: PostgresStorage, roomId: string) {
    return (await storage.readState(roomId, [CREATE, member(ALICE)], inTime()))?.events.length;
  },
  async appendEvent(storage: PostgresStorage, roomId: string, store: PostgresStorage) {
    const basis = await basisFor(store, roomId, BOB);
    const { outcome } = await storage.appendEvent(inviteOf(roomId, BOB, REASON), basis, inTime());
    const stored = await store.readState(roomId, [member(BOB)], inTime());
    return [outcome, stored?.events[0]?.content.reason];
  },
  async putState(storage: PostgresStorage, roomId: string, store: PostgresStorage) {
    const put = await storage.putState(stateEvent(roomId, NAME, { name: REASON }));
    const [event] = (await store.readState(roomId, [NAME], inTime()))?.events ?? [];
    return [put?.eventId === event?.event_id, event?.content.name];
  },
  async createRoom(storage: PostgresStorage, _: string, store: PostgresStorage) {
    const room = newRoom();
    return [await storage.createRoom(room), (await store.roomState(room.roomId))?.length];
  },
  async roomState(storage: PostgresStorage, roomId: string) {
    return (await storage.roomState(roomId))?.length;
  },
  async timeline(storage: PostgresStorage, roomId: string) {
    return (await storage.timeline(roomId))?.events.length;
  },
};
type Call = keyof typeof CALLS;
const RIGHT: Record<Call, unknown> = {
  readState: 2,
  appendEvent: ['appended', REASON],
  putState: [true, REASON],
  createRoom: ['created', 2],
  roomState: 2,
  timeline: 2,
};

/** Runs every call on a connection that was left like this, and returns for which calls it was closed. */
async function runAll(
  statements: readonly string[],
  {
    tablePrefix = 'matrix_',
    poolOf = (pool: pg.Pool): PostgresPool => pool,
    config = {} as pg.PoolConfig,
  } = {},
): Promise<Set<string>> {
  const closed = new Set<string>();
  const store = new PostgresStorage(admin, { tablePrefix });
  for (const call of Object.keys(CALLS) as Call[]) {
    const pool = server.pool({ max: 1, ...config });
    const storage = new PostgresStorage(poolOf(pool), { tablePrefix });
    const room = newRoom();
    await store.createRoom(room);
    // The statement is prepared on the connection before.
    await CALLS[call](storage, room.roomId, store);
    const next = newRoom();
    await store.createRoom(next);
    const pid = await leave(pool, statements);
    expect([call, await CALLS[call](storage, next.roomId, store)]).toEqual([call, RIGHT[call]]);
    await eventually(`the pool of ${call} is idle`, async () => pool.idleCount === 1);
    const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
    if (rows[0].pid !== pid) {
      closed.add(call);
      await eventually('the server has ended the connection', async () => !(await isOpen(pid)));
    }
    await pool.end();
  }
  return closed;
}

const EVERY_CALL = new Set(Object.keys(CALLS));
const TRANSACTIONS: [string, string[]][] = [
  ['an open transaction', ['BEGIN']],
  ['a read-only transaction', ['BEGIN', 'SET TRANSACTION READ ONLY']],
  ['a transaction with an old snapshot', ['BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1']],
  ['a transaction that has failed', ['BEGIN', 'SELECT 1 / 0']],
  ['an open cursor', ['BEGIN', 'DECLARE host CURSOR FOR SELECT 1']],
];

describe('on a connection that the host app gave back inside a transaction', () => {
  it.each(TRANSACTIONS)('(%s), every call closes it and uses another one', async (_, statements) => {
    expect(await runAll(statements)).toEqual(EVERY_CALL);
  });

  it.each(TRANSACTIONS)('(%s), that also holds for pg before 8.21', async (_, statements) => {
    class OldClient extends pg.Client {}
    Object.defineProperty(OldClient.prototype, 'getTransactionStatus', { value: undefined });
    const config = { Client: OldClient } as pg.PoolConfig;
    expect(await runAll(statements, { config })).toEqual(EVERY_CALL);
  });

  it.each(TRANSACTIONS)('(%s), that also holds for clients that tell nothing', async (_, statements) => {
    const poolOf = (pool: pg.Pool): PostgresPool => ({
      connect: async () => {
        const client = await pool.connect();
        return {
          query: (query) => client.query(query),
          release: (destroy) => client.release(destroy),
          on: (event, listener) => client.on(event, listener),
          removeListener: (event, listener) => client.removeListener(event, listener),
        };
      },
    });
    expect(await runAll(statements, { poolOf })).toEqual(EVERY_CALL);
  });

  it('that begins only after it was given back, nothing is acknowledged that is not stored', async () => {
    const pool = server.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await observer.createRoom(room);
    const basis = await basisFor(observer, room.roomId, BOB);
    const client = await pool.connect();
    const begun = client.query('BEGIN');
    client.release();
    expect(await storage.appendEvent(inviteOf(room.roomId, BOB), basis, inTime())).toMatchObject({
      outcome: 'appended',
    });
    await begun;
    expect(await observer.timeline(room.roomId)).toHaveProperty('events.length', 3);
  });

  it('what the host app had not committed is rolled back, and its locks are released', async () => {
    const pool = server.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await observer.createRoom(room);
    await leave(pool, [
      'BEGIN',
      `SELECT 1 FROM matrix_rooms WHERE room_id = '${room.roomId}' FOR UPDATE`,
      `UPDATE matrix_state SET content = '{}' WHERE room_id = '${room.roomId}'`,
    ]);
    expect(await CALLS.appendEvent(storage, room.roomId, observer)).toEqual(RIGHT.appendEvent);
    const state = await observer.roomState(room.roomId);
    expect(state?.find(({ type }) => type === 'm.room.create')?.content).toEqual({ room_version: '11' });
  });

  it('migrate() commits nothing of it', async () => {
    const pool = server.pool({ max: 1 });
    await leave(pool, ['BEGIN', 'CREATE TABLE host_half_done (id int)']);
    await new PostgresStorage(pool, { tablePrefix: 'later_' }).migrate();
    const { rows } = await admin.query(
      "SELECT to_regclass('host_half_done')::text AS half, to_regclass('later_rooms')::text AS ours",
    );
    expect(rows).toEqual([{ half: null, ours: 'later_rooms' }]);
  });

  it('all connections of a pool may be like that', async () => {
    const pool = server.pool({ max: 10 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
    for (const [index, client] of clients.entries()) {
      await client.query('BEGIN');
      if (index % 2 === 0) await client.query('SELECT 1 / 0').catch(() => {});
      client.release();
    }
    const room = newRoom();
    await observer.createRoom(room);
    const service = createInviteService({
      serverName: 'example.org',
      storage: new PostgresStorage(pool),
      rateLimit: false,
    });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        service.invite({
          requester: { userId: ALICE },
          roomId: room.roomId,
          userId: `@guest${index}:example.org`,
        }),
      ),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(40).fill('invited'));
    await pool.end();
    expect(await observer.timeline(room.roomId)).toHaveProperty('events.length', 42);
  });

  it('and so is every new connection: it gives up, and has certainly stored nothing', async () => {
    let connections = 0;
    const pool = server.pool({ max: 2 });
    pool.on('connect', (client) => {
      connections += 1;
      void client.query('BEGIN');
    });
    const room = newRoom();
    await observer.createRoom(room);
    const basis = await basisFor(observer, room.roomId, BOB);
    const storage = new PostgresStorage(pool);
    const failure = await storageErrorOf(storage.appendEvent(inviteOf(room.roomId, BOB), basis, inTime()));
    expect(failure).toMatchObject({ isNotStored: true, cause: { name: 'InTransactionError' } });
    expect(connections).toBeLessThan(50);
    expect(await observer.timeline(room.roomId)).toHaveProperty('events.length', 2);
  });
});

describe('on a connection that the host app gave back with', () => {
  const WRITES = new Set(['appendEvent', 'putState', 'createRoom']);
  it.each<[string, string[], Set<string>]>([
    ['DEALLOCATE ALL', ['DEALLOCATE ALL'], EVERY_CALL],
    ['DISCARD ALL', ['DISCARD ALL'], EVERY_CALL],
    ['another search_path', ['SET search_path = nowhere'], EVERY_CALL],
    ['another role', ['SET ROLE outsider'], EVERY_CALL],
    ['another user', ['SET SESSION AUTHORIZATION outsider'], EVERY_CALL],
    ['another encoding', ["SET client_encoding = 'LATIN1'"], EVERY_CALL],
    ['read-only transactions', ['SET default_transaction_read_only = on'], WRITES],
    ['read-only characteristics', ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'], WRITES],
  ])('%s, the calls that fail on it close it and use another one', async (_, statements, closed) => {
    expect(await runAll(statements)).toEqual(closed);
  });

  it.each<[string, string[]]>([
    ['another search_path', ['SET search_path = nowhere']],
    ['another role', ['SET ROLE outsider']],
  ])('%s and a statement_timeout that ends the check too, every call uses another one', async (_, left) => {
    const poolOf = (pool: pg.Pool): PostgresPool => ({
      async connect() {
        const client = await pool.connect();
        return {
          query: (query) =>
            client.query(
              query.text.includes('pg_settings')
                ? { ...query, text: `SELECT 1 FROM pg_sleep(10), (${query.text}) AS checked` }
                : query,
            ),
          release: (destroy) => client.release(destroy),
          on: (event, listener) => client.on(event, listener),
          removeListener: (event, listener) => client.removeListener(event, listener),
        };
      },
    });
    expect(await runAll([...left, 'SET statement_timeout = 200'], { poolOf })).toEqual(EVERY_CALL);
  });

  it.each<[string, string[]]>([
    ['another isolation level', ['SET default_transaction_isolation = serializable']],
    ['synchronous_commit', ['SET synchronous_commit = off']],
    ['lock_timeout', ['SET lock_timeout = 1']],
    ['idle_in_transaction_session_timeout', ['SET idle_in_transaction_session_timeout = 1']],
    ['row_security', ['SET row_security = off']],
    ['session_replication_role', ['SET session_replication_role = replica']],
    ['advisory locks', ['SELECT pg_advisory_lock(n) FROM generate_series(1, 100) AS n']],
    ['LISTEN', ['LISTEN host']],
    ['a cursor that is held', ['BEGIN', 'DECLARE host CURSOR WITH HOLD FOR SELECT 1', 'COMMIT']],
    [
      'other formats',
      [
        "SET TimeZone = 'Asia/Tokyo'",
        "SET DateStyle = 'German'",
        "SET IntervalStyle = 'iso_8601'",
        "SET bytea_output = 'escape'",
        'SET standard_conforming_strings = off',
        'SET extra_float_digits = -15',
        'SET array_nulls = off',
      ],
    ],
    [
      'other plans',
      ['SET enable_indexscan = off', 'SET plan_cache_mode = force_custom_plan', "SET work_mem = '64kB'"],
    ],
    ['temporary tables of other names', ['CREATE TEMPORARY TABLE rooms (id int)']],
  ])('%s, every call works on it', async (_, statements) => {
    expect(await runAll(statements)).toEqual(new Set());
  });

  it('temporary tables of our names or another search_path, a prefix with a schema is right', async () => {
    const shadows = ['schema', 'rooms', 'events', 'state'].map(
      (table) => `CREATE TEMPORARY TABLE matrix_${table} (LIKE app.matrix_${table} INCLUDING ALL)`,
    );
    expect(await runAll([...shadows, 'SET search_path = public'], { tablePrefix: 'app.matrix_' })).toEqual(
      new Set(),
    );
  });

  it('statement_timeout, a statement that it cancels runs again on another connection', async () => {
    const pool = server.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await observer.createRoom(room);
    const pid = await leave(pool, ['SET statement_timeout = 50']);
    const holder = await server.pool({ max: 1 }).connect();
    onTestFinished(() => holder.release(true));
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [room.roomId]);
    const put = storage.putState(stateEvent(room.roomId, NAME, {}));
    await eventually('the connection is closed', async () => !(await isOpen(pid)));
    await holder.query('COMMIT');
    expect(await put).toHaveProperty('eventId');
    expect(await observer.timeline(room.roomId)).toHaveProperty('events.length', 3);
  });

  it('a query that is still running, its next statement waits, and other calls use other connections', async () => {
    const pool = server.pool({ max: 3 });
    const storage = new PostgresStorage(pool, { queryTimeoutMs: 1_000 });
    const room = newRoom();
    await observer.createRoom(room);
    const basis = await basisFor(observer, room.roomId, BOB);
    const client = await pool.connect();
    client.query('SELECT pg_sleep(60)').catch(() => {});
    client.release();
    const waiting = storageErrorOf(storage.appendEvent(inviteOf(room.roomId, BOB), basis, inTime()));
    await eventually('the append has the connection', async () => pool.idleCount === 0);
    expect(await storage.roomState(room.roomId)).toHaveLength(2);
    expect((await waiting).isNotStored).toBe(false);
    expect(await storage.appendEvent(inviteOf(room.roomId, BOB), basis, inTime())).toMatchObject({
      outcome: 'appended',
    });
    expect(await observer.timeline(room.roomId)).toHaveProperty('events.length', 3);
  });

  it('temporary tables of our names, rooms are lost in them if the prefix has no schema: not healed', async () => {
    const pool = server.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    await leave(pool, ['CREATE TEMPORARY TABLE matrix_rooms (LIKE matrix_rooms INCLUDING ALL)']);
    const room = newRoom();
    expect(await storage.createRoom(room)).toBe('created');
    expect(await observer.roomState(room.roomId)).toBeUndefined();
  });

  it('session_replication_role, the triggers of the host app do not run: not healed', async () => {
    const storage = new PostgresStorage(admin, { tablePrefix: 'guarded_' });
    await storage.migrate();
    await admin.query(`
      CREATE FUNCTION say_no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
      CREATE TRIGGER say_no BEFORE INSERT ON guarded_events FOR EACH ROW WHEN (NEW.type = 'm.room.name')
        EXECUTE FUNCTION say_no()`);
    const room = newRoom();
    await storage.createRoom(room);
    const pool = server.pool({ max: 1 });
    const spoiled = new PostgresStorage(pool, { tablePrefix: 'guarded_' });
    await expect(spoiled.putState(stateEvent(room.roomId, NAME, {}))).rejects.toHaveProperty(
      'cause.code',
      'P0001',
    );
    await leave(pool, ['SET session_replication_role = replica']);
    expect(await spoiled.putState(stateEvent(room.roomId, NAME, {}))).toHaveProperty('eventId');
  });

  /** Prepares a change on one store, and returns how to make it on another. */
  type Prepare = (storage: PostgresStorage) => Promise<(other: PostgresStorage) => Promise<unknown>>;

  it.each<[what: string, prepare: Prepare]>([
    ['a room is created', async () => (other) => other.createRoom(newRoom())],
    ['an address is claimed', async () => (other) => other.claimAddress(newKey(), inTime())],
    [
      'an invite is settled',
      async (storage) => {
        const [key, claimId] = await claimed(storage);
        return (other) => other.settleAddress(key, claimId, newInvite(), inTime());
      },
    ],
    [
      'a claim is released',
      async (storage) => {
        const [key, claimId] = await claimed(storage);
        return (other) => other.releaseAddress(key, claimId, inTime());
      },
    ],
    [
      'an invite is forgotten',
      async (storage) => {
        const [key, claimId] = await claimed(storage);
        const { token } = await storage.settleAddress(key, claimId, newInvite(), inTime());
        return (other) => other.forgetAddress(key, token, inTime());
      },
    ],
  ])('synchronous_commit off, it is on disk once %s', async (_, prepare) => {
    const change = await prepare(new PostgresStorage(server.pool()));
    const client = await server.pool({ max: 1, options: '-c synchronous_commit=off' }).connect();
    onTestFinished(() => client.release());
    const query = client.query.bind(client) as pg.PoolClient['query'];
    await client.query('BEGIN');
    const pool: PostgresPool = {
      connect: async () => ({
        query,
        release: () => {},
        on: () => {},
        removeListener: () => {},
        getTransactionStatus: () => 'I',
      }),
    };
    await change(new PostgresStorage(pool));
    expect((await client.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }]);
    await client.query('ROLLBACK');
  });
});

async function claimed(storage: PostgresStorage): Promise<[key: AddressKey, claimId: string]> {
  const key = newKey();
  const claim = await storage.claimAddress(key, inTime());
  if (claim.outcome !== 'claimed') throw new Error(`The address is ${claim.outcome}`);
  return [key, claim.claimId];
}

describe('a pool that reads values in its own way', () => {
  afterEach(() => {
    for (const [oid, parse] of [
      [20, String],
      [23, Number],
      [25, String],
    ] as const)
      pg.types.setTypeParser(oid, parse);
  });

  const ts = 1_700_000_000_001;
  /** Reads a room with an event far into the log, through every call. */
  async function read(config: pg.PoolConfig) {
    const room = newRoom();
    await observer.createRoom(room);
    for (let index = 0; index < 140; index += 1) {
      await observer.putState(stateEvent(room.roomId, NAME, { name: REASON, index }));
    }
    const storage = new PostgresStorage(server.pool(config));
    await storage.migrate();
    const page = await storage.timeline(room.roomId, { after: 141, limit: 1 });
    const state = await storage.roomState(room.roomId);
    const many = await Promise.all(
      Array.from({ length: 300 }, () => storage.readState(room.roomId, [NAME], inTime())),
    );
    const name = { name: REASON, index: 139 };
    expect(page).toMatchObject({ next: 142, events: [{ origin_server_ts: ts, content: name }] });
    expect(state?.find(({ type }) => type === NAME.type)).toMatchObject({
      origin_server_ts: ts,
      content: name,
    });
    expect(many.every((snapshot) => snapshot?.events[0]?.content.index === 139)).toBe(true);
    expect(await CALLS.appendEvent(storage, room.roomId, observer)).toEqual(RIGHT.appendEvent);
    expect(await CALLS.createRoom(storage, room.roomId, observer)).toEqual(RIGHT.createRoom);
  }

  it('in binary format', () => read({ binary: true } as pg.PoolConfig));

  it('with type parsers of its own', () =>
    read({ types: { getTypeParser: () => (value: unknown) => ({ value }) } } as pg.PoolConfig));

  it('with type parsers for all pools', async () => {
    pg.types.setTypeParser(20, BigInt as never);
    pg.types.setTypeParser(23, ((value: string) => `#${value}`) as never);
    pg.types.setTypeParser(25, (value) => value.trim().toUpperCase());
    await read({});
  });

  it('with pipelining', () => read({ pipeline: true } as pg.PoolConfig));
});

describe('behind PgBouncer in transaction mode', () => {
  let bouncer: PgBouncer;
  beforeAll(async () => {
    bouncer = await PgBouncer.start(server);
  });
  afterAll(() => bouncer.close());

  it.each(TRANSACTIONS)('%s that was left is rolled back, and the work is done', async (_, statements) => {
    const pool = server.pool({ port: bouncer.port, max: 1 });
    const storage = new PostgresStorage(pool, { preparedStatements: false });
    const room = newRoom();
    await observer.createRoom(room);
    await leave(pool, [...statements, 'CREATE TABLE host_half_done (id int)']);
    expect(await CALLS.appendEvent(storage, room.roomId, observer)).toEqual(RIGHT.appendEvent);
    await pool.end();
    const { rows } = await admin.query("SELECT to_regclass('host_half_done')::text AS half");
    expect(rows).toEqual([{ half: null }]);
    expect(await observer.timeline(room.roomId)).toHaveProperty('events.length', 3);
  });

  it('a search_path that any client has left affects all, unless the prefix has a schema', async () => {
    const pool = server.pool({ port: bouncer.port, max: 4 });
    const clients = await Promise.all(Array.from({ length: 4 }, () => pool.connect()));
    // In transactions at the same time, so that each gets another connection of PgBouncer's.
    await Promise.all(clients.map((client) => client.query('BEGIN')));
    for (const client of clients) await client.query('SET search_path = nowhere');
    for (const client of clients) await client.query('COMMIT');
    for (const client of clients) client.release();
    const room = newRoom();
    const options = { preparedStatements: false };
    const failing = new PostgresStorage(pool, options).createRoom(room);
    await expect(failing).rejects.toMatchObject({ isNotStored: true });
    expect(await observer.roomState(room.roomId)).toBeUndefined();
    const qualified = new PostgresStorage(pool, { ...options, tablePrefix: 'app.matrix_' });
    expect(await qualified.createRoom(room)).toBe('created');
    await pool.end();
  });
});
