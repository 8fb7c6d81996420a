import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage, type PostgresStorageOptions } from '../../../adapters/storage/postgres/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { invitesOf } from '../../http/support.ts';
import { newRoom } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { decideInvite, storageErrorOf } from './not-stored.ts';

const BOB = '@bob:example.org';
const CAROL = '@carol:example.org';

let server: PostgresServer;
let admin: pg.Pool;
/** Reads and writes on its own connections. */
let observer: PostgresStorage;

beforeAll(async () => {
  server = await PostgresServer.start();
  admin = server.pool();
  observer = new PostgresStorage(admin);
  await observer.migrate();
});
afterAll(() => server?.close());

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Creates a room, and decides an invite of Bob that is not appended yet. */
async function openRoom(config: pg.PoolConfig = {}, options: PostgresStorageOptions = {}) {
  const room = newRoom();
  await observer.createRoom(room);
  const pool = server.pool(config);
  const { append } = await decideInvite(observer, room.roomId, BOB);
  const storage = new PostgresStorage(pool, options);
  return {
    roomId: room.roomId,
    pool,
    storage,
    append: (context?: { signal: AbortSignal }) => append(storage, context),
    stored: () => invitesOf(observer, BOB, room.roomId),
  };
}

/** Locks the room until the test ends or the lock is released. */
async function holdRoom(roomId: string): Promise<() => Promise<void>> {
  const holder = await server.pool({ max: 1 }).connect();
  // It breaks when the server crashes.
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

/** Returns true if a connection waits for a lock of the server. */
const hasWaiter = async () => {
  const { rows } = await admin.query(`SELECT 1 FROM pg_locks WHERE NOT granted`);
  return rows.length > 0;
};

async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  cleanUps.push(() => proxy.close());
  return proxy;
}

describe('isNotStored is true', () => {
  it('when the server is down', async () => {
    const { append, stored } = await openRoom();
    await server.stop('SIGINT');
    const failure = await storageErrorOf(append()).finally(() => server.startAgain());
    expect(failure.cause).toHaveProperty('code', 'ECONNREFUSED');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the server accepts no more connections', async () => {
    await admin.query('CREATE ROLE few LOGIN CONNECTION LIMIT 0');
    const { append, stored } = await openRoom({ user: 'few' });
    const failure = await storageErrorOf(append());
    expect(failure).toMatchObject({ isNotStored: true, cause: { code: '53300' } });
    expect(await stored()).toBe(0);
  });

  it('when the pool stops waiting for a connection', async () => {
    const { pool, append, stored } = await openRoom({ max: 1, connectionTimeoutMillis: 100 });
    const held = await pool.connect();
    const failure = await storageErrorOf(append()).finally(() => held.release());
    expect(failure.cause).toHaveProperty('message', 'timeout exceeded when trying to connect');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the deadline passes before a connection is available', async () => {
    const { pool, append, stored } = await openRoom({ max: 1 });
    const held = await pool.connect();
    const failure = await storageErrorOf(append({ signal: AbortSignal.timeout(100) }));
    held.release();
    expect(failure.isNotStored).toBe(true);
    // Runs after anything that the append may have left on the only connection.
    await pool.query('SELECT 1');
    expect(await stored()).toBe(0);
  });

  it('when the deadline passes before its turn', async () => {
    const { roomId, storage, append, stored } = await openRoom();
    const inviteOfCarol = await decideInvite(observer, roomId, CAROL);
    const release = await holdRoom(roomId);
    const first = inviteOfCarol.append(storage);
    await eventually('the first append waits for the room', hasWaiter);
    const failure = await storageErrorOf(append({ signal: AbortSignal.timeout(100) }));
    expect(failure.isNotStored).toBe(true);
    await release();
    expect(await first).toMatchObject({ outcome: 'appended' });
    expect(await stored()).toBe(0);
  });

  it('when the deadline has passed from the start', async () => {
    const { append, stored } = await openRoom();
    expect((await storageErrorOf(append({ signal: AbortSignal.abort() }))).isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the server is read-only', async () => {
    const { append, stored } = await openRoom({ options: '-c default_transaction_read_only=on' });
    const failure = await storageErrorOf(append());
    expect(failure.cause).toHaveProperty('code', '25006');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it.each([
    ['the lock timeout passes', {}, { lockTimeoutMs: 100 }, '55P03'],
    ['the database cancels the statement', { options: '-c statement_timeout=100' }, {}, '57014'],
  ])('when %s', async (_, config, options, code) => {
    const { roomId, append, stored } = await openRoom(config, options);
    const release = await holdRoom(roomId);
    const failure = await storageErrorOf(append());
    await release();
    expect(failure).toMatchObject({ isNotStored: true, cause: { code } });
    expect(await stored()).toBe(0);
  });

  it('when the tables are missing', async () => {
    const { append, stored } = await openRoom({ options: '-c search_path=nowhere' });
    expect(await storageErrorOf(append())).toMatchObject({ isNotStored: true, cause: { code: '42883' } });
    expect(await stored()).toBe(0);
  });
});

describe('isNotStored is false', () => {
  const isAppend = (piece: Buffer) => piece.includes('matrix_append');

  it('when the connection is cut before the response: the event was stored', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => {
      if (isAppend(piece)) proxy.onResponse = () => 'cut';
      return 'pass';
    };
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('when the connection is cut before the request arrives: the event was not stored', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => (isAppend(piece) ? 'cut' : 'pass');
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(0);
  });

  it('when the response never arrives', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port }, { queryTimeoutMs: 300 });
    proxy.onRequest = (piece) => {
      if (isAppend(piece)) proxy.onResponse = () => 'swallow';
      return 'pass';
    };
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('when the server hangs after the request: the event is stored later', async () => {
    const { pool, append, stored } = await openRoom({ max: 1 }, { queryTimeoutMs: 300 });
    await pool.query('SELECT 1');
    await server.signalAll('SIGSTOP');
    const failure = await storageErrorOf(append()).finally(() => server.signalAll('SIGCONT'));
    expect(failure.isNotStored).toBe(false);
    await eventually('the server has stored the event', async () => (await stored()) === 1);
  });

  it('when the server crashes during the append', async () => {
    const { roomId, append } = await openRoom();
    await holdRoom(roomId);
    const failing = storageErrorOf(append());
    await eventually('the append waits for the room', hasWaiter);
    await server.stop('SIGQUIT');
    const failure = await failing.finally(() => server.startAgain());
    expect(failure.isNotStored).toBe(false);
  });
});
