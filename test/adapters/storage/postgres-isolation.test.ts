import { createInviteService } from 'express-matrix-invite';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { lentPool, RecordingPool } from '../../support/recording-pool.ts';
import {
  ALICE,
  basisFor,
  CREATE,
  inTime,
  invite,
  inviteOf,
  member,
  NAME,
  newRoom,
  stateEvent,
} from '../../support/storage-room.ts';

let database: TestPostgres;

beforeAll(async () => {
  database = await TestPostgres.open();
  await new PostgresStorage(database.pool()).migrate();
});
afterEach(() => database.endPools());
afterAll(() => database?.close());

const isolated = (isolation: string) =>
  database.pool({ max: 20, options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}` });

describe.each(['read committed', 'repeatable read', 'serializable'])(
  'with the default isolation level %s',
  (isolation) => {
    async function open() {
      const pool = isolated(isolation);
      const { rows } = await pool.query('SHOW transaction_isolation');
      expect(rows).toEqual([{ transaction_isolation: isolation }]);
      const storage = new PostgresStorage(pool);
      const room = newRoom();
      await storage.createRoom(room);
      return { storage, roomId: room.roomId, room };
    }

    it('appends exactly one of 32 racing appends on one key', async () => {
      const { storage, roomId } = await open();
      for (let round = 0; round < 5; round += 1) {
        const userId = `@guest${round}:example.org`;
        const basis = await basisFor(storage, roomId, userId);
        const results = await Promise.all(
          Array.from({ length: 32 }, (_, index) =>
            storage.appendEvent(inviteOf(roomId, userId, `by ${index}`), basis, inTime()),
          ),
        );
        expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
        expect(results.filter(({ outcome }) => outcome === 'stale')).toHaveLength(31);
      }
      expect((await storage.timeline(roomId))?.events).toHaveLength(7);
    });

    it('completes 200 parallel invites into one room', async () => {
      const { storage, roomId } = await open();
      const service = createInviteService({ serverName: 'example.org', storage, rateLimit: false });
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          service.invite({ requester: { userId: ALICE }, roomId, userId: `@guest${index}:example.org` }),
        ),
      );
      expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['invited']));
      const log = (await storage.timeline(roomId, { limit: 1_000 }))?.events ?? [];
      expect(log).toHaveLength(202);
      expect(await storage.roomState(roomId)).toHaveLength(202);
      await service.close();
    });

    it('stores all racing changes of the host app', async () => {
      const { storage, roomId, room } = await open();
      const stored = await Promise.all(
        Array.from({ length: 50 }, (_, index) => storage.putState(stateEvent(roomId, NAME, { index }))),
      );
      expect(new Set(stored.map((result) => result?.eventId)).size).toBe(50);
      const log = (await storage.timeline(roomId))?.events ?? [];
      expect(log).toHaveLength(52);
      expect((await storage.readState(roomId, [NAME], inTime()))?.events).toMatchObject([
        { event_id: log.at(-1)?.event_id },
      ]);
      const other = { ...room, roomId: newRoom().roomId };
      const created = await Promise.all(Array.from({ length: 20 }, () => storage.createRoom(other)));
      expect(created.filter((result) => result === 'created')).toHaveLength(1);
    });

    it('never appends on top of a ban that came in between', async () => {
      const { storage, roomId } = await open();
      for (let round = 0; round < 30; round += 1) {
        const userId = `@guest${round}:example.org`;
        const basis = await basisFor(storage, roomId, userId);
        const ban = stateEvent(roomId, member(userId), { membership: 'ban' });
        const [result] = await Promise.all([
          storage.appendEvent(inviteOf(roomId, userId), basis, inTime()),
          storage.putState(ban),
        ]);
        const log = (await storage.timeline(roomId, { limit: 1_000 }))?.events ?? [];
        const changes = log
          .filter(({ state_key }) => state_key === userId)
          .map(({ content }) => content.membership);
        expect(changes).toEqual(result.outcome === 'appended' ? ['invite', 'ban'] : ['ban']);
      }
    });
  },
);

describe('two people who invite each other', () => {
  it('never wait for each other', async () => {
    const pool = new RecordingPool(database.pool({ max: 16 }));
    const storage = new PostgresStorage(pool);
    const rooms = [newRoom(), newRoom()];
    for (const room of rooms) await storage.createRoom(room);
    const people = ['@one:example.org', '@two:example.org'];
    const outcomes: string[] = [];
    const inviteAndLeave = async (roomId: string, by: string, userId: string) => {
      for (let round = 0; round < 60; round += 1) {
        const keys = [CREATE, member(by), member(userId)];
        const basis = await storage.readState(roomId, keys, inTime());
        if (basis === undefined) throw new Error('no room');
        const event = stateEvent(roomId, member(userId), { membership: 'invite', round }, by);
        outcomes.push((await storage.appendEvent(event, basis, inTime())).outcome);
      }
    };
    const [one = '', two = ''] = people;
    await Promise.all(
      rooms.flatMap(({ roomId }) => [
        inviteAndLeave(roomId, one, two),
        inviteAndLeave(roomId, two, one),
        inviteAndLeave(roomId, one, two),
        inviteAndLeave(roomId, two, one),
      ]),
    );
    expect(outcomes).toHaveLength(480);
    expect(new Set(outcomes)).toEqual(new Set(['appended', 'stale']));
    expect(pool.failures).toEqual([]);
  });
});

describe('an acknowledged append', () => {
  it('survives a crash, even if the default is not to wait for the disk', async () => {
    const server = await PostgresServer.start();
    onTestFinished(() => server.close());
    const storage = new PostgresStorage(server.pool({ options: '-c synchronous_commit=off' }));
    await storage.migrate();
    const room = newRoom();
    await storage.createRoom(room);
    const acknowledged: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      const result = await invite(storage, room.roomId, `@guest${index}:example.org`);
      if (result.outcome === 'appended') acknowledged.push(String(result.eventId));
    }
    const ban = await storage.putState(stateEvent(room.roomId, NAME, { name: 'last' }));
    await server.stop('SIGQUIT');
    await server.startAgain();

    const log = (await storage.timeline(room.roomId))?.events.map(({ event_id }) => event_id);
    expect(acknowledged).toHaveLength(20);
    expect(log).toEqual(expect.arrayContaining([...acknowledged, ban?.eventId]));
  });

  it('waits for the disk, whatever the default is', async () => {
    for (const [given, expected] of [
      ['off', 'on'],
      ['local', 'local'],
      ['on', 'on'],
    ]) {
      const pool = database.pool({ max: 1, options: `-c synchronous_commit=${given}` });
      const storage = new PostgresStorage(pool);
      const room = newRoom();
      await storage.createRoom(room);
      const client = await pool.connect();
      const lent = new PostgresStorage(lentPool(client));
      const basis = await basisFor(lent, room.roomId, '@bob:example.org');
      await client.query('BEGIN');
      await lent.appendEvent(inviteOf(room.roomId, '@bob:example.org'), basis, inTime());
      expect((await client.query('SHOW synchronous_commit')).rows).toEqual([
        { synchronous_commit: expected },
      ]);
      expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '5s' }]);
      await client.query('COMMIT');
      expect((await client.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: given }]);
      expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
      client.release();
    }
  });
});

describe('the rows that are read in a large room', () => {
  const rowsReadBy = async (isAnalyzed: boolean, mode: string) => {
    const tablePrefix = `large_${isAnalyzed}_${mode}_`;
    const client = await database.pool({ max: 1 }).connect();
    const storage = new PostgresStorage(lentPool(client), { tablePrefix });
    await storage.migrate();
    await client.query(`ALTER TABLE ${tablePrefix}state SET (autovacuum_enabled = false)`);
    const { roomId, state } = newRoom();
    const [create, alice] = state;
    if (create === undefined || alice === undefined) throw new Error('unreachable');
    const users = Array.from({ length: 20_000 }, (_, index) => `@user${index}:example.org`);
    const members = users.map((state_key) => ({ ...alice, state_key }));
    await storage.createRoom({ roomId, state: [create, alice, ...members] });
    if (isAnalyzed) await client.query('ANALYZE');
    await client.query(`SET plan_cache_mode = ${mode}`);

    await client.query('BEGIN');
    await invite(storage, roomId, '@user7:example.org');
    const { rows } = await client.query(
      `SELECT seq_tup_read::int AS scanned, idx_tup_fetch::int AS found FROM pg_stat_xact_user_tables
       WHERE relname = '${tablePrefix}state'`,
    );
    await client.query('COMMIT');
    client.release();
    return rows;
  };

  // Three keys are read and compared, and one of them is replaced.
  it.each([
    [false, 'force_custom_plan'],
    [false, 'force_generic_plan'],
    [true, 'force_custom_plan'],
    [true, 'force_generic_plan'],
  ])('are those of the requested keys, with statistics: %s, plans: %s', async (isAnalyzed, mode) => {
    expect(await rowsReadBy(isAnalyzed, mode)).toEqual([{ scanned: 0, found: 7 }]);
  });
});
