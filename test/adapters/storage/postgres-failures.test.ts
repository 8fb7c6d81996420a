import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'express-matrix-invite';
import type pg from 'pg';
import type { Response } from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage, type PostgresStorageOptions } from '../../../adapters/storage/postgres/index.ts';
import { expectDescribed, invite, invitesOf, seedRoom, setUp } from '../../http/support.ts';
import { PostgresServer } from '../../support/postgres-server.ts';
import { newRoom } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

// What is emitted or rejected and heard by nobody fails the run: Vitest sees to that.

const DEADLINE_MS = 1_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let server: PostgresServer;
/** The store as an onlooker sees it, on connections of its own. */
let onlooker: PostgresStorage;

beforeAll(async () => {
  server = await PostgresServer.start();
  onlooker = new PostgresStorage(server.pool());
  await onlooker.migrate();
});
afterAll(() => server.close());

const proxies: TcpProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
});

/** A host, with a room of Alice's. */
async function openHost(config: pg.PoolConfig = {}, options: PostgresStorageOptions = {}) {
  const roomId = await seedRoom(onlooker, { roomId: newRoom().roomId });
  const pool = server.pool({ connectionTimeoutMillis: 5_000, ...config });
  const storage = new PostgresStorage(pool, options);
  const { app } = setUp({ storage, logger: silent, deadlineMs: DEADLINE_MS });
  let guests = 0;
  return {
    pool,
    roomId,
    /** Invites somebody new, or the user of this id. */
    async invites(userId = `@guest${++guests}:example.org`): Promise<Answer> {
      const startedAt = performance.now();
      const response = await invite(app, { roomId, body: { user_id: userId } });
      return { response, userId, durationMs: performance.now() - startedAt };
    },
  };
}

type Answer = { readonly response: Response; readonly userId: string; readonly durationMs: number };

function expectInTime({ durationMs }: Answer): void {
  expect(durationMs).toBeLessThan(DEADLINE_MS + 1_000);
}

function expectUnavailable(answer: Answer): void {
  expectInTime(answer);
  expect(answer.response.status).toBe(503);
  expect(answer.response.body.errcode).toBe('M_UNKNOWN');
  expect(Number(answer.response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expectDescribed(answer.response);
}

/** An invite that was answered well, and is there once. */
async function expectInvited(answer: Answer, roomId: string): Promise<void> {
  expectInTime(answer);
  expect([answer.response.status, answer.response.body]).toEqual([200, {}]);
  expect(await invitesOf(onlooker, answer.userId, roomId)).toBe(1);
}

/** A proxy on the host's way to the server. */
async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  proxies.push(proxy);
  return proxy;
}

describe('PostgreSQL that is down', () => {
  it('from the start: 503 until it is there', async () => {
    const host = await openHost();
    await server.stop('SIGINT');
    const answer = await host.invites();
    await server.startAgain();
    expectUnavailable(answer);
    await expectInvited(await host.invites(answer.userId), host.roomId);
  });

  it.each(['SIGINT', 'SIGQUIT'] as const)('from now on, by %s: 503 until it is back', async (signal) => {
    const host = await openHost();
    const before = await host.invites();
    await server.stop(signal);
    const answers = await Promise.all([host.invites(), host.invites(), host.invites()]);
    await server.startAgain();
    for (const answer of answers) expectUnavailable(answer);
    await expectInvited(before, host.roomId);
    for (const { userId } of answers) await expectInvited(await host.invites(userId), host.roomId);
  });

  it('and crashes under 50 parallel invites: each 200 is there once, and each 503 can be repeated', async () => {
    for (const afterMs of [5, 25, 60]) {
      const host = await openHost({ max: 20 });
      await host.invites();
      const underWay = Promise.all(Array.from({ length: 50 }, () => host.invites()));
      await delay(afterMs);
      await server.stop('SIGQUIT');
      await server.startAgain();
      const answers = await underWay;
      for (const answer of answers) {
        if (answer.response.status === 200) await expectInvited(answer, host.roomId);
        else expectUnavailable(answer);
      }
      for (const { userId } of answers) await expectInvited(await host.invites(userId), host.roomId);
    }
  });
});

describe('PostgreSQL that hangs', () => {
  it('is not waited for beyond the deadline, and goes on where it was', async () => {
    const host = await openHost({ max: 4 });
    await host.invites();
    await server.signalAll('SIGSTOP');
    let answers: Answer[];
    try {
      // More than the pool has connections.
      answers = await Promise.all(Array.from({ length: 8 }, () => host.invites()));
    } finally {
      await server.signalAll('SIGCONT');
    }
    for (const answer of answers) expectUnavailable(answer);
    for (const { userId } of answers) await expectInvited(await host.invites(userId), host.roomId);
    expect(host.pool.waitingCount).toBe(0);
  });

  it('for good, behind a network that says nothing: its connections are given up', async () => {
    const proxy = await openProxy();
    const host = await openHost({ port: proxy.port, max: 2 }, { queryTimeoutMs: 1_500 });
    await host.invites();
    proxy.onAnswer = () => 'swallow';
    const answers = await Promise.all(Array.from({ length: 4 }, () => host.invites()));
    proxy.onAnswer = () => 'pass';
    for (const answer of answers) expectUnavailable(answer);
    await delay(1_000);
    for (const { userId } of answers) await expectInvited(await host.invites(userId), host.roomId);
  });
});

describe('a pool that is exhausted', () => {
  it('is not waited for beyond the deadline', async () => {
    const host = await openHost({ max: 1 });
    const held = await host.pool.connect();
    const answers = await Promise.all([host.invites(), host.invites()]);
    held.release();
    for (const answer of answers) {
      expectUnavailable(answer);
      expect(await invitesOf(onlooker, answer.userId, host.roomId)).toBe(0);
    }
    await expectInvited(await host.invites(), host.roomId);
  });

  it('too many connections: 503 until there are fewer', async () => {
    await server.pool().query('CREATE ROLE few LOGIN CONNECTION LIMIT 1');
    await server.pool().query('GRANT ALL ON ALL TABLES IN SCHEMA public TO few');
    const host = await openHost({ user: 'few' });
    const other = server.pool({ user: 'few' });
    const held = await other.connect();
    const answer = await host.invites();
    held.release(true);
    expectUnavailable(answer);
    await delay(100);
    await expectInvited(await host.invites(answer.userId), host.roomId);
  });
});

describe('a server that does not write', () => {
  it('read-only: 503 until it writes again', async () => {
    const host = await openHost();
    const admin = server.pool({ max: 1 });
    await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await admin.query('SELECT pg_reload_conf()');
    await delay(100);
    const answer = await host.invites();
    await admin.query('SET default_transaction_read_only = off');
    await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
    await admin.query('SELECT pg_reload_conf()');
    await delay(100);
    expectUnavailable(answer);
    expect(await invitesOf(onlooker, answer.userId, host.roomId)).toBe(0);
    await expectInvited(await host.invites(answer.userId), host.roomId);
  });

  it('failed over: its connections are given up, and new ones lead to the new primary', async () => {
    const host = await openHost({ max: 1 });
    await host.invites();
    await host.pool.query('SET default_transaction_read_only = on');
    await expectInvited(await host.invites(), host.roomId);
  });

  it('without the function: 503 until somebody migrates', async () => {
    const host = await openHost();
    const admin = server.pool();
    const { rows } = await admin.query(
      `SELECT pg_get_functiondef(oid) AS definition FROM pg_proc WHERE proname = 'matrix_append_event'`,
    );
    await admin.query('DROP FUNCTION matrix_append_event');
    const answer = await host.invites();
    await admin.query(rows[0].definition);
    expectUnavailable(answer);
    await expectInvited(await host.invites(answer.userId), host.roomId);
  });
});

describe('a lock of somebody else on the room', () => {
  it('is not waited for beyond the deadline, and other rooms go on', async () => {
    const host = await openHost();
    const other = await openHost();
    const holder = await server.pool().connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [host.roomId]);
    const [answer, ofOther] = await Promise.all([host.invites(), other.invites()]);
    await holder.query('COMMIT');
    holder.release();
    expectUnavailable(answer);
    await expectInvited(ofOther, other.roomId);
    await expectInvited(await host.invites(answer.userId), host.roomId);
  });

  it('is not waited for beyond lockTimeoutMs by the changes of the host', async () => {
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

describe('a connection that is cut in the middle of a commit', () => {
  /** What happens to the first append: its answer, or the append itself. */
  async function meddled(meddle: (proxy: TcpProxy, isOver: () => void) => void, options = {}) {
    const proxy = await openProxy();
    const host = await openHost({ port: proxy.port, max: 3 }, options);
    let times = 0;
    meddle(proxy, () => {
      times += 1;
      proxy.onRequest = () => 'pass';
      proxy.onAnswer = () => 'pass';
    });
    const answer = await host.invites();
    expect(times).toBe(1);
    await expectInvited(answer, host.roomId);
    await expectInvited(await host.invites(), host.roomId);
  }

  const isAppend = (piece: Buffer) => piece.includes('matrix_append');

  it('after it was stored: it counts, and is not stored twice', () =>
    meddled((proxy, isOver) => {
      proxy.onRequest = (piece) => {
        if (isAppend(piece)) {
          proxy.onAnswer = () => {
            isOver();
            return 'cut';
          };
        }
        return 'pass';
      };
    }));

  it('before the server has heard of it: it is tried again', () =>
    meddled((proxy, isOver) => {
      proxy.onRequest = (piece) => {
        if (!isAppend(piece)) return 'pass';
        isOver();
        return 'cut';
      };
    }));

  it('so that the answer never comes: it is looked up after queryTimeoutMs', () =>
    meddled(
      (proxy, isOver) => {
        proxy.onRequest = (piece) => {
          if (isAppend(piece)) {
            proxy.onAnswer = () => {
              isOver();
              return 'swallow';
            };
          }
          return 'pass';
        };
      },
      { queryTimeoutMs: 300 },
    ));
});
