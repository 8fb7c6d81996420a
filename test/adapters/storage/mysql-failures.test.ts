import { setTimeout as delay } from 'node:timers/promises';
import type mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MysqlStorage, type MysqlStorageOptions } from '../../../adapters/storage/mysql/index.ts';
import { MariadbServer } from '../../../servers/mariadb-server.ts';
import { seedRoom } from '../../http/support.ts';
import {
  expectUnavailable,
  type InviteResult,
  LONG_DEADLINE_MS,
  openFaultyHost,
} from '../../support/faulty-host.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

// Vitest fails the run for an unhandled error event or rejection.

let server: MariadbServer;
let admin: mysql.Pool;
/** Reads and writes on its own connections. */
let observer: MysqlStorage;

beforeAll(async () => {
  server = await MariadbServer.start();
  await server.pool().query('CREATE DATABASE rooms');
  // A superuser may write to a read-only server.
  await server.pool().query('CREATE USER app');
  await server.pool().query('GRANT ALL ON rooms.* TO app');
  admin = server.pool({ database: 'rooms' });
  observer = new MysqlStorage(admin);
  await observer.migrate();
});
afterAll(() => server?.close());

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Opens a host app with a room of Alice. */
async function openHost(
  config: mysql.PoolOptions = {},
  options: MysqlStorageOptions = {},
  deadlineMs?: number,
) {
  const pool = server.pool({ database: 'rooms', user: 'app', ...config });
  return { pool, ...(await openFaultyHost(observer, new MysqlStorage(pool, options), deadlineMs)) };
}

/** Starts a proxy between the host app and the server. */
async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  cleanUps.push(() => proxy.close());
  return proxy;
}

describe('MariaDB that is down', () => {
  it('from the start: 503 until it starts', async () => {
    const host = await openHost();
    await server.stop();
    const result = await host.invites();
    await server.startAgain();
    expectUnavailable(result);
    await host.expectInvited(await host.invites(result.userId));
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('after %s: 503 until it is back', async (signal) => {
    const host = await openHost();
    const before = await host.invites();
    await server.stop(signal);
    const results = await Promise.all([host.invites(), host.invites(), host.invites()]);
    await server.startAgain();
    for (const result of results) expectUnavailable(result);
    await host.expectInvited(before);
    for (const { userId } of results) await host.expectInvited(await host.invites(userId));
  });

  it('after a crash under 50 parallel invites: each 200 is stored once, and each 503 can be repeated', async () => {
    for (const afterMs of [5, 25, 60]) {
      const host = await openHost({ connectionLimit: 20 });
      await host.invites();
      const pending = Promise.all(Array.from({ length: 50 }, () => host.invites()));
      await delay(afterMs);
      await server.stop('SIGKILL');
      await server.startAgain();
      const results = await pending;
      for (const result of results) {
        if (result.response.status === 200) await host.expectInvited(result);
        else expectUnavailable(result);
      }
      for (const { userId } of results) await host.expectInvited(await host.invites(userId));
    }
  });
});

describe('MariaDB that hangs', () => {
  it('causes 503 at the deadline, and works again when it continues', async () => {
    const host = await openHost({ connectionLimit: 4 });
    await host.invites();
    server.signal('SIGSTOP');
    let results: InviteResult[];
    try {
      // More invites than the pool has connections.
      results = await Promise.all(Array.from({ length: 8 }, () => host.invites()));
    } finally {
      server.signal('SIGCONT');
    }
    for (const result of results) expectUnavailable(result);
    for (const { userId } of results) await host.expectInvited(await host.invites(userId));
  });

  it('for good, behind a network that drops everything: its connections are closed', async () => {
    const proxy = await openProxy();
    const host = await openHost({ port: proxy.port, connectionLimit: 2 }, { queryTimeoutMs: 1_500 });
    await host.invites();
    let swallowed = 0;
    proxy.onResponse = () => {
      swallowed += 1;
      return 'swallow';
    };
    const results = await Promise.all(Array.from({ length: 4 }, () => host.invites()));
    proxy.onResponse = () => 'pass';
    for (const result of results) expectUnavailable(result);
    expect(swallowed).toBeGreaterThan(0);
    // Once the connections are closed: until then, an invite waits for one, and may reach its deadline.
    await expect.poll(async () => (await host.invites(results[0]?.userId)).response.status).toBe(200);
    for (const { userId } of results) await host.expectInvited(await host.invites(userId));
  });
});

describe('an exhausted pool', () => {
  it('causes 503 at the deadline', async () => {
    const host = await openHost({ connectionLimit: 1 });
    const held = await host.pool.getConnection();
    const results = await Promise.all([host.invites(), host.invites()]);
    held.release();
    for (const result of results) {
      expectUnavailable(result);
      expect(await host.stored(result.userId)).toBe(0);
    }
    await host.expectInvited(await host.invites());
  });

  it('causes 503 when the user has too many connections, until there are fewer', async () => {
    await admin.query('CREATE USER few WITH MAX_USER_CONNECTIONS 1');
    await admin.query('GRANT ALL ON rooms.* TO few');
    const host = await openHost({ user: 'few' });
    const held = await server.pool({ user: 'few', database: 'rooms' }).getConnection();
    const result = await host.invites();
    held.destroy();
    expectUnavailable(result);
    await expect.poll(async () => (await host.invites(result.userId)).response.status).toBe(200);
    await host.expectInvited(await host.invites(result.userId));
  });
});

describe('a server that cannot write', () => {
  it('is read-only: 503 until it writes again', async () => {
    const host = await openHost();
    await admin.query('SET GLOBAL read_only = 1');
    const result = await host.invites();
    await admin.query('SET GLOBAL read_only = 0');
    expectUnavailable(result);
    expect(await host.stored(result.userId)).toBe(0);
    await host.expectInvited(await host.invites(result.userId));
  });

  it('has failed over: its connections are closed, and new ones lead to the new primary', async () => {
    const old = await MariadbServer.start();
    cleanUps.push(() => old.close());
    await old.pool().query('CREATE DATABASE rooms');
    await old.pool().query('CREATE USER app');
    await old.pool().query('GRANT ALL ON rooms.* TO app');
    const replicated = new MysqlStorage(old.pool({ database: 'rooms' }));
    await replicated.migrate();
    const proxy = await openProxy();
    proxy.targetPort = old.port;
    const host = await openHost({ port: proxy.port, connectionLimit: 1 });
    await seedRoom(replicated, { roomId: host.roomId });
    expect((await host.invites()).response.status).toBe(200);
    await old.pool().query('SET GLOBAL read_only = 1');
    proxy.targetPort = server.port;
    await host.expectInvited(await host.invites());
  });

  it('lacks the table: 503 until it is back', async () => {
    const host = await openHost();
    await admin.query('RENAME TABLE matrix_events TO gone');
    const result = await host.invites();
    await admin.query('RENAME TABLE gone TO matrix_events');
    expectUnavailable(result);
    await host.expectInvited(await host.invites(result.userId));
  });

  it('has no space left: 503 until there is some, and nothing is stored', async () => {
    const dataFile = 'ibdata1:12M:autoextend:max:';
    const full = await MariadbServer.start([
      '--innodb-file-per-table=0',
      `--innodb-data-file-path=${dataFile}20M`,
    ]);
    cleanUps.push(() => full.close());
    await full.pool().query('CREATE DATABASE rooms');
    const pool = full.pool({ database: 'rooms' });
    const store = new MysqlStorage(pool);
    await store.migrate();
    const host = await openFaultyHost(store, new MysqlStorage(full.pool({ database: 'rooms' })));
    await host.expectInvited(await host.invites());
    await pool.query('CREATE TABLE filler (bytes LONGBLOB)');
    for (const size of [2 ** 18, 2 ** 12, 2 ** 8]) {
      const fill = () => pool.query('INSERT INTO filler VALUES (REPEAT(?, ?))', ['x', size]);
      while (await fill().then(Boolean, () => false));
    }
    let results: InviteResult[] = [];
    // The last page of the table still has space for some.
    while (results.at(-1)?.response.status !== 503) results = [...results, await host.invites()];
    const failed = results.at(-1) as InviteResult;
    expectUnavailable(failed);
    expect(await host.stored(failed.userId)).toBe(0);
    await full.stop();
    await full.startAgain([`--innodb-data-file-path=${dataFile}60M`]);
    await host.expectInvited(await host.invites(failed.userId));
  });
});

describe('a lock of another connection on the log of a room', () => {
  it('causes 503 at the deadline, and does not affect other rooms', async () => {
    const host = await openHost();
    const other = await openHost({}, {}, LONG_DEADLINE_MS);
    const holder = await admin.getConnection();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_events WHERE room_id = ? FOR UPDATE', [
      Buffer.from(host.roomId),
    ]);
    const [result, ofOther] = [await host.invites(), await other.invites()];
    const again = await Promise.all([host.invites(result.userId), other.invites()]);
    await holder.query('ROLLBACK');
    holder.release();
    expectUnavailable(result);
    expectUnavailable(again[0]);
    await other.expectInvited(ofOther);
    await other.expectInvited(again[1]);
    await host.expectInvited(await host.invites(result.userId));
  });
});

describe('a connection that is cut during a commit', () => {
  /** Invites through a proxy that interferes once, with the first insert or its response. */
  async function inviteWith(interfere: (proxy: TcpProxy, done: () => void) => void, options = {}) {
    const proxy = await openProxy();
    const host = await openHost({ port: proxy.port, connectionLimit: 3 }, options);
    let times = 0;
    interfere(proxy, () => {
      times += 1;
      proxy.onRequest = () => 'pass';
      proxy.onResponse = () => 'pass';
    });
    const result = await host.invites();
    expect(times).toBe(1);
    await host.expectInvited(result);
    await host.expectInvited(await host.invites());
  }

  const isInsert = (piece: Buffer) => piece.includes('INSERT INTO matrix_events');

  it.each(['cut', 'swallow'] as const)('after the event was stored (%s): it is not stored twice', (verdict) =>
    inviteWith(
      (proxy, done) => {
        proxy.onRequest = (piece) => {
          if (isInsert(piece)) {
            proxy.onResponse = () => {
              done();
              return verdict;
            };
          }
          return 'pass';
        };
      },
      { queryTimeoutMs: 300 },
    ),
  );

  it('before the request arrives: the append is repeated', () =>
    inviteWith((proxy, done) => {
      proxy.onRequest = (piece) => {
        if (!isInsert(piece)) return 'pass';
        done();
        return 'cut';
      };
    }));
});
