import { createInviteService } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { PgBouncer } from '../../../servers/pgbouncer.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { ALICE, basisFor, inTime, invite, inviteOf, newRoom } from '../../support/storage-room.ts';
import { decideInvite, storageErrorOf } from './not-stored.ts';

let server: PostgresServer;
let bouncer: PgBouncer;

beforeAll(async () => {
  server = await PostgresServer.start();
  bouncer = await PgBouncer.start(server);
});
afterAll(async () => {
  // The server's pools hold connections of PgBouncer.
  await Promise.all([server?.close(), bouncer?.close()]);
});

describe('behind PgBouncer in transaction mode', () => {
  it('works with more connections than the server has, without prepared statements', async () => {
    const options = { preparedStatements: false };
    const [one, other] = [1, 2].map(
      () => new PostgresStorage(server.pool({ port: bouncer.port, max: 20 }), options),
    );
    if (one === undefined || other === undefined) throw new Error('unreachable');
    await Promise.all([one.migrate(), other.migrate()]);
    const room = newRoom();
    await one.createRoom(room);

    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        invite(index % 2 === 0 ? one : other, room.roomId, `@guest${index}:example.org`),
      ),
    );
    expect(results.every(({ outcome }) => outcome === 'appended')).toBe(true);
    const basis = await basisFor(one, room.roomId, '@bob:example.org');
    const race = await Promise.all(
      Array.from({ length: 32 }, (_, index) =>
        (index % 2 === 0 ? one : other).appendEvent(
          inviteOf(room.roomId, '@bob:example.org', `${index}`),
          basis,
          inTime(),
        ),
      ),
    );
    expect(race.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
    expect((await other.timeline(room.roomId, { limit: 1_000 }))?.events).toHaveLength(203);

    const { rows } = await server
      .pool({ port: bouncer.port })
      .query(
        'SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = $1 AND pid <> pg_backend_pid()',
        ['client backend'],
      );
    expect(rows[0]?.count).toBeLessThanOrEqual(4);
    // Settings of a change's transaction are gone for the next client.
    const after = await server.pool({ port: bouncer.port }).query('SHOW lock_timeout');
    expect(after.rows).toEqual([{ lock_timeout: '0' }]);
  });
});

describe('an error of PgBouncer, always with the SQLSTATE 08P01,', () => {
  const BOB = '@bob:example.org';

  /** Opens a room behind a PgBouncer of its own, on a server of its own if `ownServer`. */
  async function open(settings: Readonly<Record<string, number>>, ownServer = false) {
    const postgres = ownServer ? await PostgresServer.start() : server;
    const poolerOfTest = await PgBouncer.start(postgres, settings);
    const observer = new PostgresStorage(postgres.pool());
    await observer.migrate();
    const room = newRoom();
    await observer.createRoom(room);
    const pool = postgres.pool({ port: poolerOfTest.port, max: 20 });
    const storage = new PostgresStorage(pool, { preparedStatements: false });
    onTestFinished(async () => {
      await poolerOfTest.close();
      if (ownServer) await postgres.close();
    });
    const decided = await decideInvite(observer, room.roomId, BOB);
    return {
      postgres,
      pool,
      storage,
      roomId: room.roomId,
      append: () => decided.append(storage),
      stored: async () => ((await observer.timeline(room.roomId))?.events.length ?? 0) - room.state.length,
    };
  }

  it.each(['query_wait_timeout', 'query_timeout'])('%s of a waiting query: not stored', async (setting) => {
    const { pool, append, stored } = await open({ default_pool_size: 1, [setting]: 1 });
    const holder = await pool.connect();
    // PgBouncer may end it too.
    holder.on('error', () => {});
    await holder.query('BEGIN');
    const failure = await storageErrorOf(append());
    expect(failure).toMatchObject({ isNotStored: true, cause: { code: '08P01', message: setting } });
    holder.release(true);
    expect(await stored()).toBe(0);
    expect(await append()).toMatchObject({ outcome: 'appended' });
  });

  it('query timeout, of a running query: outcome unknown', async () => {
    const { postgres, roomId, append } = await open({ query_timeout: 1 });
    const holder = await postgres.pool().connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [roomId]);
    const failure = await storageErrorOf(append());
    holder.release(true);
    expect(failure).toMatchObject({ isNotStored: false, cause: { code: '08P01', message: 'query timeout' } });
  });

  it('server_login_retry, while the server is down: not stored', async () => {
    const { postgres, append } = await open({ query_wait_timeout: 3 }, true);
    await postgres.stop();
    const messages: unknown[] = [];
    while (!String(messages.at(-1)).endsWith('(server_login_retry)')) {
      const { isNotStored, cause } = await storageErrorOf(append());
      expect(isNotStored).toBe(true);
      messages.push((cause as Error).message);
    }
  });

  it('max_client_conn: not stored', async () => {
    const { pool, append, stored } = await open({ max_client_conn: 1 });
    const holder = await pool.connect();
    const failure = await storageErrorOf(append());
    expect(failure).toMatchObject({ isNotStored: true, cause: { code: '08P01' } });
    holder.release();
    expect(await stored()).toBe(0);
  });

  it('costs no invitee a point, if the query was only waiting', async () => {
    const { pool, storage, roomId, stored } = await open({ default_pool_size: 1, query_wait_timeout: 1 });
    const unlimited = { points: 1_000, durationSeconds: 60 };
    const service = createInviteService({
      serverName: 'example.org',
      storage,
      rateLimit: new MemoryRateLimit({
        inviter: unlimited,
        room: unlimited,
        invitee: { points: 1, durationSeconds: 1_000 },
      }),
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    });
    const inviteAll = () =>
      Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          service
            .invite({ requester: { userId: ALICE }, roomId, userId: `@guest${index}:example.org` })
            .then(({ outcome }) => outcome)
            .catch(({ status }) => status),
        ),
      );
    const holder = await pool.connect();
    // The reads succeed, and PgBouncer's only connection is held before the appends.
    let isHeld = false;
    const { appendEvent } = storage;
    storage.appendEvent = async function (...args) {
      if (!isHeld) {
        isHeld = true;
        await holder.query('BEGIN');
      }
      return appendEvent.apply(this, args);
    };
    expect(new Set(await inviteAll())).toEqual(new Set([503]));
    expect(await stored()).toBe(0);
    await holder.query('COMMIT');
    holder.release();
    // Each has a single point.
    expect(new Set(await inviteAll())).toEqual(new Set(['invited']));
    expect(await stored()).toBe(50);
  });
});
