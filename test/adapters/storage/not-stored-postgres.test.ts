import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage, type PostgresStorageOptions } from '../../../adapters/storage/postgres/index.ts';
import { invitesOf } from '../../http/support.ts';
import { PostgresServer } from '../../support/postgres-server.ts';
import { eventually } from '../../support/redis-server.ts';
import { newRoom } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { decided, failureOf } from './not-stored.ts';

const BOB = '@bob:example.org';
const CAROL = '@carol:example.org';

let server: PostgresServer;
let admin: pg.Pool;
/** The store as an onlooker sees it, on connections of its own. */
let onlooker: PostgresStorage;

beforeAll(async () => {
  server = await PostgresServer.start();
  admin = server.pool();
  onlooker = new PostgresStorage(admin);
  await onlooker.migrate();
});
afterAll(() => server.close());

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A room, and an invite of Bob into it that is decided and not yet appended. */
async function openRoom(config: pg.PoolConfig = {}, options: PostgresStorageOptions = {}) {
  const room = newRoom();
  await onlooker.createRoom(room);
  const pool = server.pool(config);
  const { append } = await decided(onlooker, room.roomId, BOB);
  const storage = new PostgresStorage(pool, options);
  return {
    roomId: room.roomId,
    pool,
    storage,
    append: (context?: { signal: AbortSignal }) => append(storage, context),
    stored: () => invitesOf(onlooker, BOB, room.roomId),
  };
}

/** Locks the room until the test is over, or the lock is released. */
async function holdRoom(roomId: string): Promise<() => Promise<void>> {
  const holder = await server.pool({ max: 1 }).connect();
  // Where the server crashes, it breaks.
  holder.on('error', () => {});
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [roomId]);
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    await holder.query('COMMIT').catch(() => {});
    holder.release(true);
  };
  cleanUps.push(release);
  return release;
}

/** Whether somebody waits for a lock of the server's. */
const isAwaited = async () => {
  const { rows } = await admin.query(`SELECT 1 FROM pg_locks WHERE NOT granted`);
  return rows.length > 0;
};

async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  cleanUps.push(() => proxy.close());
  return proxy;
}

describe('nothing was stored, for certain', () => {
  it('where the server is down', async () => {
    const { append, stored } = await openRoom();
    await server.stop('SIGINT');
    const failure = await failureOf(append()).finally(() => server.startAgain());
    expect(failure.cause).toHaveProperty('code', 'ECONNREFUSED');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('where the server accepts no more connections', async () => {
    await admin.query('CREATE ROLE few LOGIN CONNECTION LIMIT 0');
    const { append, stored } = await openRoom({ user: 'few' });
    const failure = await failureOf(append());
    expect(failure).toMatchObject({ isNotStored: true, cause: { code: '53300' } });
    expect(await stored()).toBe(0);
  });

  it('where the pool gives up the wait for a connection', async () => {
    const { pool, append, stored } = await openRoom({ max: 1, connectionTimeoutMillis: 100 });
    const held = await pool.connect();
    const failure = await failureOf(append()).finally(() => held.release());
    expect(failure.cause).toHaveProperty('message', 'timeout exceeded when trying to connect');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('where the deadline is over before there is a connection', async () => {
    const { pool, append, stored } = await openRoom({ max: 1 });
    const held = await pool.connect();
    const failure = await failureOf(append({ signal: AbortSignal.timeout(100) }));
    held.release();
    expect(failure.isNotStored).toBe(true);
    // Behind whatever the append may still have left on the only connection.
    await pool.query('SELECT 1');
    expect(await stored()).toBe(0);
  });

  it('where the deadline is over before its turn', async () => {
    const { roomId, storage, append, stored } = await openRoom();
    const ofCarol = await decided(onlooker, roomId, CAROL);
    const release = await holdRoom(roomId);
    const first = ofCarol.append(storage);
    await eventually('the first waits for the room', isAwaited);
    const failure = await failureOf(append({ signal: AbortSignal.timeout(100) }));
    expect(failure.isNotStored).toBe(true);
    await release();
    expect(await first).toMatchObject({ outcome: 'appended' });
    expect(await stored()).toBe(0);
  });

  it('where the deadline is over from the start', async () => {
    const { append, stored } = await openRoom();
    expect((await failureOf(append({ signal: AbortSignal.abort() }))).isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('where the server is read-only', async () => {
    const { append, stored } = await openRoom({ options: '-c default_transaction_read_only=on' });
    const failure = await failureOf(append());
    expect(failure.cause).toHaveProperty('code', '25006');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it.each([
    ['the wait for the room is over', {}, { lockTimeoutMs: 100 }, '55P03'],
    ['the database has cancelled the statement', { options: '-c statement_timeout=100' }, {}, '57014'],
  ])('where %s', async (_, config, options, code) => {
    const { roomId, append, stored } = await openRoom(config, options);
    const release = await holdRoom(roomId);
    const failure = await failureOf(append());
    await release();
    expect(failure).toMatchObject({ isNotStored: true, cause: { code } });
    expect(await stored()).toBe(0);
  });

  it('where the tables are missing', async () => {
    const { append, stored } = await openRoom({ options: '-c search_path=nowhere' });
    expect(await failureOf(append())).toMatchObject({ isNotStored: true, cause: { code: '42883' } });
    expect(await stored()).toBe(0);
  });
});

describe('nobody can say whether it was stored', () => {
  const isAppend = (piece: Buffer) => piece.includes('matrix_append');

  it('where the connection is cut before the answer: it was', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => {
      if (isAppend(piece)) proxy.onAnswer = () => 'cut';
      return 'pass';
    };
    expect((await failureOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('where the connection is cut before the server has heard of it: it was not', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => (isAppend(piece) ? 'cut' : 'pass');
    expect((await failureOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(0);
  });

  it('where the answer never comes', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port }, { queryTimeoutMs: 300 });
    proxy.onRequest = (piece) => {
      if (isAppend(piece)) proxy.onAnswer = () => 'swallow';
      return 'pass';
    };
    expect((await failureOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('where the server hangs once it was sent: it is stored later', async () => {
    const { pool, append, stored } = await openRoom({ max: 1 }, { queryTimeoutMs: 300 });
    await pool.query('SELECT 1');
    await server.signalAll('SIGSTOP');
    const failure = await failureOf(append()).finally(() => server.signalAll('SIGCONT'));
    expect(failure.isNotStored).toBe(false);
    await eventually('the server has carried on', async () => (await stored()) === 1);
  });

  it('where the server crashes in the middle', async () => {
    const { roomId, append } = await openRoom();
    await holdRoom(roomId);
    const failing = failureOf(append());
    await eventually('it waits for the room', isAwaited);
    await server.stop('SIGQUIT');
    const failure = await failing.finally(() => server.startAgain());
    expect(failure.isNotStored).toBe(false);
  });
});
