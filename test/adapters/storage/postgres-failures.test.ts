import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage, type PostgresStorageOptions } from '../../../adapters/storage/postgres/index.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import {
  expectUnavailable,
  type InviteResult,
  LONG_DEADLINE_MS,
  openFaultyHost,
} from '../../support/faulty-host.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

// Vitest fails the run for an unhandled error event or rejection.

let server: PostgresServer;
/** Reads and writes on its own connections. */
let observer: PostgresStorage;

beforeAll(async () => {
  server = await PostgresServer.start();
  observer = new PostgresStorage(server.pool());
  await observer.migrate();
});
afterAll(() => server?.close());

const proxies: TcpProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
});

/** Opens a host app with a room of Alice. */
async function openHost(
  config: pg.PoolConfig = {},
  options: PostgresStorageOptions = {},
  deadlineMs?: number,
) {
  const pool = server.pool({ connectionTimeoutMillis: 5_000, ...config });
  return { pool, ...(await openFaultyHost(observer, new PostgresStorage(pool, options), deadlineMs)) };
}

/** Starts a proxy between the host app and the server. */
async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  proxies.push(proxy);
  return proxy;
}

describe('PostgreSQL that is down', () => {
  it('from the start: 503 until it starts', async () => {
    const host = await openHost();
    await server.stop('SIGINT');
    const result = await host.invites();
    await server.startAgain();
    expectUnavailable(result);
    await host.expectInvited(await host.invites(result.userId));
  });

  it.each(['SIGINT', 'SIGQUIT'] as const)('after %s: 503 until it is back', async (signal) => {
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
      const host = await openHost({ max: 20 });
      await host.invites();
      const pending = Promise.all(Array.from({ length: 50 }, () => host.invites()));
      await delay(afterMs);
      await server.stop('SIGQUIT');
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

describe('PostgreSQL that hangs', () => {
  it('causes 503 at the deadline, and works again when it continues', async () => {
    const host = await openHost({ max: 4 });
    await host.invites();
    await server.signalAll('SIGSTOP');
    let results: InviteResult[];
    try {
      // More invites than the pool has connections.
      results = await Promise.all(Array.from({ length: 8 }, () => host.invites()));
    } finally {
      await server.signalAll('SIGCONT');
    }
    for (const result of results) expectUnavailable(result);
    for (const { userId } of results) await host.expectInvited(await host.invites(userId));
    expect(host.pool.waitingCount).toBe(0);
  });

  it('for good, behind a network that drops everything: its connections are closed', async () => {
    const proxy = await openProxy();
    const host = await openHost({ port: proxy.port, max: 2 }, { queryTimeoutMs: 1_500 });
    await host.invites();
    proxy.onResponse = () => 'swallow';
    const results = await Promise.all(Array.from({ length: 4 }, () => host.invites()));
    proxy.onResponse = () => 'pass';
    for (const result of results) expectUnavailable(result);
    await delay(1_000);
    for (const { userId } of results) await host.expectInvited(await host.invites(userId));
  });

  it('once an append has to be repeated: its connection is closed', async () => {
    const proxy = await openProxy();
    const isolation = '-c default_transaction_isolation=repeatable\\ read';
    const host = await openHost(
      { port: proxy.port, max: 1, options: isolation },
      { queryTimeoutMs: 1_500 },
      LONG_DEADLINE_MS,
    );
    await host.invites();
    const holder = await server.pool().connect();
    await holder.query('BEGIN');
    await holder.query('UPDATE matrix_rooms SET last_position = last_position WHERE room_id = $1', [
      host.roomId,
    ]);
    let repeated = 0;
    const swallowTheRest = (): 'swallow' => {
      repeated += 1;
      return 'swallow';
    };
    proxy.onResponse = (chunk) => {
      // SQLSTATE 40001: the append waited for another change, and has to be repeated.
      if (chunk.includes('C40001')) proxy.onResponse = swallowTheRest;
      return 'pass';
    };
    const inviting = host.invites();
    await expect
      .poll(async () => {
        const { rows } = await server
          .pool()
          .query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        return rows.length;
      })
      .toBe(1);
    await holder.query('COMMIT');
    holder.release();
    await expect.poll(() => repeated).toBeGreaterThan(0);
    proxy.onResponse = () => 'pass';
    await host.expectInvited(await inviting);
    await host.expectInvited(await host.invites());
  });
});

describe('an exhausted pool', () => {
  it('causes 503 at the deadline', async () => {
    const host = await openHost({ max: 1 });
    const held = await host.pool.connect();
    const results = await Promise.all([host.invites(), host.invites()]);
    held.release();
    for (const result of results) {
      expectUnavailable(result);
      expect(await host.stored(result.userId)).toBe(0);
    }
    await host.expectInvited(await host.invites());
  });

  it('causes 503 when the server has too many connections, until there are fewer', async () => {
    await server.pool().query('CREATE ROLE few LOGIN CONNECTION LIMIT 1');
    await server.pool().query('GRANT ALL ON ALL TABLES IN SCHEMA public TO few');
    const host = await openHost({ user: 'few' });
    const other = server.pool({ user: 'few' });
    const held = await other.connect();
    const result = await host.invites();
    held.release(true);
    expectUnavailable(result);
    await delay(100);
    await host.expectInvited(await host.invites(result.userId));
  });
});

describe('a server that cannot write', () => {
  it('is read-only: 503 until it writes again', async () => {
    const host = await openHost();
    const admin = server.pool({ max: 1 });
    await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await admin.query('SELECT pg_reload_conf()');
    await delay(100);
    const result = await host.invites();
    await admin.query('SET default_transaction_read_only = off');
    await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
    await admin.query('SELECT pg_reload_conf()');
    await delay(100);
    expectUnavailable(result);
    expect(await host.stored(result.userId)).toBe(0);
    await host.expectInvited(await host.invites(result.userId));
  });

  it('has failed over: its connections are closed, and new ones lead to the new primary', async () => {
    const host = await openHost({ max: 1 });
    await host.invites();
    await host.pool.query('SET default_transaction_read_only = on');
    await host.expectInvited(await host.invites());
  });

  it('lacks the function: 503 until migrate() runs', async () => {
    const host = await openHost();
    const admin = server.pool();
    const { rows } = await admin.query(
      `SELECT pg_get_functiondef(oid) AS definition FROM pg_proc WHERE proname = 'matrix_append_event'`,
    );
    await admin.query('DROP FUNCTION matrix_append_event');
    const result = await host.invites();
    await admin.query(rows[0].definition);
    expectUnavailable(result);
    await host.expectInvited(await host.invites(result.userId));
  });
});

describe('a lock of another connection on the room', () => {
  it('causes 503 at the deadline, and does not affect other rooms', async () => {
    const host = await openHost();
    const other = await openHost({}, {}, LONG_DEADLINE_MS);
    const holder = await server.pool().connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [host.roomId]);
    const [result, ofOther] = await Promise.all([host.invites(), other.invites()]);
    await holder.query('COMMIT');
    holder.release();
    expectUnavailable(result);
    await other.expectInvited(ofOther);
    await host.expectInvited(await host.invites(result.userId));
  });

  it('delays putState no longer than lockTimeoutMs', async () => {
    const { roomId } = await openHost();
    const storage = new PostgresStorage(server.pool(), { lockTimeoutMs: 200 });
    const holder = await server.pool().connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [roomId]);
    const event = { room_id: roomId, type: 'm.room.name', state_key: '', sender: '@alice:example.org' };
    const change = storage.putState({ ...event, origin_server_ts: 1, content: {} });
    await expect(change).rejects.toHaveProperty('cause.code', '55P03');
    await holder.query('COMMIT');
    holder.release();
    expect(await storage.roomState(roomId)).toHaveLength(2);
  });
});

describe('a connection that is cut during a commit', () => {
  /** Invites through a proxy that interferes once, with the first append or its response. */
  async function inviteWith(interfere: (proxy: TcpProxy, done: () => void) => void, options = {}) {
    const proxy = await openProxy();
    const host = await openHost({ port: proxy.port, max: 3 }, options);
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

  const isAppend = (piece: Buffer) => piece.includes('matrix_append');

  it('after the event was stored: the invite succeeds, and is not stored twice', () =>
    inviteWith((proxy, done) => {
      proxy.onRequest = (piece) => {
        if (isAppend(piece)) {
          proxy.onResponse = () => {
            done();
            return 'cut';
          };
        }
        return 'pass';
      };
    }));

  it('before the request arrives: the append is repeated', () =>
    inviteWith((proxy, done) => {
      proxy.onRequest = (piece) => {
        if (!isAppend(piece)) return 'pass';
        done();
        return 'cut';
      };
    }));

  it('so that the response never arrives: the invite is read back after queryTimeoutMs', () =>
    inviteWith(
      (proxy, done) => {
        proxy.onRequest = (piece) => {
          if (isAppend(piece)) {
            proxy.onResponse = () => {
              done();
              return 'swallow';
            };
          }
          return 'pass';
        };
      },
      { queryTimeoutMs: 300 },
    ));
});
