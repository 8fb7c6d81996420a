import type mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MysqlStorage, type MysqlStorageOptions } from '../../../adapters/storage/mysql/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { MariadbServer } from '../../../servers/mariadb-server.ts';
import { invitesOf } from '../../http/support.ts';
import { hasLockWait } from '../../support/mysql-waits.ts';
import { newRoom } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { decideInvite, storageErrorOf } from './not-stored.ts';

const BOB = '@bob:example.org';
const CAROL = '@carol:example.org';

let server: MariadbServer;
let admin: mysql.Pool;
/** Reads and writes on its own connections. */
let observer: MysqlStorage;

beforeAll(async () => {
  server = await MariadbServer.start();
  await server.pool().query('CREATE DATABASE rooms');
  admin = server.pool({ database: 'rooms' });
  observer = new MysqlStorage(admin);
  await observer.migrate();
});
afterAll(() => server?.close());

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Creates a room, and decides an invite of Bob that is not appended yet. */
async function openRoom(config: mysql.PoolOptions = {}, options: MysqlStorageOptions = {}) {
  const room = newRoom();
  await observer.createRoom(room);
  const pool = server.pool({ database: 'rooms', ...config });
  const { append } = await decideInvite(observer, room.roomId, BOB);
  const storage = new MysqlStorage(pool, options);
  return {
    roomId: room.roomId,
    pool,
    storage,
    append: (context?: { signal: AbortSignal }) => append(storage, context),
    stored: () => invitesOf(observer, BOB, room.roomId),
  };
}

/** Locks the log of a room until the test ends or the lock is released. */
async function holdRoom(roomId: string): Promise<() => Promise<void>> {
  const holder = await server.pool({ database: 'rooms' }).getConnection();
  // It breaks when the server crashes.
  holder.on('error', () => {});
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM matrix_events WHERE room_id = ? FOR UPDATE', [Buffer.from(roomId)]);
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    await holder.query('ROLLBACK').catch(() => {});
    holder.destroy();
  };
  cleanUps.push(release);
  return release;
}

async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  cleanUps.push(() => proxy.close());
  return proxy;
}

/** Sets global variables of the server until the test ends. New connections have them. */
async function setGlobal(values: Record<string, string | number>): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    const [rows] = await admin.query<mysql.RowDataPacket[]>(`SELECT @@GLOBAL.${name} AS before_test`);
    await admin.query(`SET GLOBAL ${name} = ?`, [value]);
    cleanUps.push(() => admin.query(`SET GLOBAL ${name} = ?`, [rows[0]?.before_test]));
  }
}

const isInsert = (piece: Buffer) => piece.includes('INSERT INTO matrix_events');
const isCompare = (piece: Buffer) => piece.includes('JSON_TABLE');

describe('isNotStored is true', () => {
  it('when the server is down', async () => {
    const { append, stored } = await openRoom();
    await server.stop();
    const failure = await storageErrorOf(append()).finally(() => server.startAgain());
    expect(failure.cause).toHaveProperty('code', 'ECONNREFUSED');
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the server accepts no more connections of the user', async () => {
    await admin.query('CREATE USER few WITH MAX_USER_CONNECTIONS 1');
    await admin.query('GRANT ALL ON rooms.* TO few');
    const held = await server.pool({ database: 'rooms', user: 'few' }).getConnection();
    cleanUps.push(async () => held.destroy());
    const { append, stored } = await openRoom({ user: 'few' });
    const failure = await storageErrorOf(append());
    expect(failure).toMatchObject({ isNotStored: true, cause: { errno: 1226 } });
    expect(await stored()).toBe(0);
  });

  it.each([
    ['does not wait for a connection', { waitForConnections: false, queueLimit: 0 }],
    ['has too many waiting callers', { waitForConnections: true, queueLimit: 1 }],
  ])('when the pool %s', async (_, config) => {
    const { pool, append, stored } = await openRoom({ connectionLimit: 1, ...config });
    const held = await pool.getConnection();
    if (config.queueLimit) void pool.getConnection().then((waited) => waited.release());
    const failure = await storageErrorOf(append());
    held.release();
    expect(failure.cause).toHaveProperty('message', expect.stringMatching(/No connections|Queue limit/));
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the pool has ended', async () => {
    const { pool, append, stored } = await openRoom();
    await pool.end();
    expect((await storageErrorOf(append())).isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the deadline passes before a connection is available', async () => {
    const { pool, append, stored } = await openRoom({ connectionLimit: 1 });
    const held = await pool.getConnection();
    const failure = await storageErrorOf(append({ signal: AbortSignal.timeout(100) }));
    held.release();
    expect(failure.isNotStored).toBe(true);
    // Runs after anything that the append may have left on the only connection.
    await pool.query('SELECT 1');
    expect(await stored()).toBe(0);
  });

  it('when the deadline passes before its turn', async () => {
    const { roomId, storage, append, stored } = await openRoom({ connectionLimit: 1 });
    const inviteOfCarol = await decideInvite(observer, roomId, CAROL);
    const release = await holdRoom(roomId);
    const first = inviteOfCarol.append(storage);
    await eventually('the first append waits for the room', () => hasLockWait(admin));
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

  it.each<[string, Record<string, string | number>, number]>([
    ['is read-only', { read_only: 1 }, 1290],
    ['begins only transactions that read', { tx_read_only: 1 }, 1792],
    ['stops waiting for a lock', { innodb_lock_wait_timeout: 1 }, 1205],
    ['cancels a long statement', { max_statement_time: 0.2 }, 1969],
  ])('when the server %s', async (_, globals, errno) => {
    await admin.query('CREATE USER IF NOT EXISTS app');
    await admin.query('GRANT ALL ON rooms.* TO app');
    const { roomId, append, stored } = await openRoom({ user: 'app' });
    const release = await holdRoom(roomId);
    await setGlobal(globals);
    const failure = await storageErrorOf(append());
    await release();
    expect(failure).toMatchObject({ isNotStored: true, cause: { errno } });
    expect(await stored()).toBe(0);
  });

  it('when the tables are missing', async () => {
    const { append, stored } = await openRoom({ database: 'mysql' });
    const failure = await storageErrorOf(append());
    expect(failure).toMatchObject({ isNotStored: true, cause: { errno: 1146 } });
    expect(failure.message).toContain('call migrate() first');
    expect(await stored()).toBe(0);
  });

  it('when a statement is killed', async () => {
    const { roomId, append, stored } = await openRoom();
    const release = await holdRoom(roomId);
    const failing = storageErrorOf(append());
    await eventually('the append waits for the room', () => hasLockWait(admin));
    const [rows] = await admin.query<mysql.RowDataPacket[]>(
      `SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO matrix_events%'`,
    );
    await admin.query(`KILL QUERY ${rows[0]?.id}`);
    expect(await failing).toMatchObject({ isNotStored: true, cause: { errno: 1317 } });
    await release();
    expect(await stored()).toBe(0);
  });

  it('when the connection is cut during the comparison', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => (isCompare(piece) ? 'cut' : 'pass');
    expect((await storageErrorOf(append())).isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the server hangs before the insert', async () => {
    const { append, stored } = await openRoom({ connectionLimit: 1 }, { queryTimeoutMs: 300 });
    server.signal('SIGSTOP');
    const failure = await storageErrorOf(append({ signal: AbortSignal.timeout(1_000) })).finally(() =>
      server.signal('SIGCONT'),
    );
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });
});

describe('isNotStored is false', () => {
  it('when the connection is cut before the response: the event was stored', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => {
      if (isInsert(piece)) proxy.onResponse = () => 'cut';
      return 'pass';
    };
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('when the connection is cut before the request arrives: the event was not stored', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port });
    proxy.onRequest = (piece) => (isInsert(piece) ? 'cut' : 'pass');
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(0);
  });

  it('when the response never arrives', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port }, { queryTimeoutMs: 300 });
    proxy.onRequest = (piece) => {
      if (isInsert(piece)) proxy.onResponse = () => 'swallow';
      return 'pass';
    };
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('when the server hangs after the request: the event is stored later', async () => {
    const proxy = await openProxy();
    const { append, stored } = await openRoom({ port: proxy.port }, { queryTimeoutMs: 300 });
    proxy.onRequest = (piece) => {
      if (isInsert(piece)) server.signal('SIGSTOP');
      return 'pass';
    };
    const failure = await storageErrorOf(append()).finally(() => server.signal('SIGCONT'));
    expect(failure.isNotStored).toBe(false);
    await eventually('the server has stored the event', async () => (await stored()) === 1);
  });

  it('when the server crashes during the append', async () => {
    const { roomId, append } = await openRoom();
    await holdRoom(roomId);
    const failing = storageErrorOf(append());
    await eventually('the append waits for the room', () => hasLockWait(admin));
    await server.stop('SIGKILL');
    const failure = await failing.finally(() => server.startAgain());
    expect(failure.isNotStored).toBe(false);
  });
});
