import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { PostgresServer } from '../../support/postgres-server.ts';
import { RecordingPool } from '../../support/recording-pool.ts';
import { basisFor, CREATE, inTime, inviteOf, NAME, newRoom, stateEvent } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const BOB = '@bob:example.org';

let server: PostgresServer;

beforeAll(async () => {
  server = await PostgresServer.start();
  await new PostgresStorage(server.pool()).migrate();
});
afterAll(() => server.close());

/** Pieces that a client sends, each of which waits for its answer. */
async function countingProxy() {
  const proxy = await TcpProxy.start(server.port);
  const requests: Buffer[] = [];
  let isAnswered = true;
  let roundTrips = 0;
  proxy.onRequest = (piece) => {
    if (isAnswered) roundTrips += 1;
    isAnswered = false;
    requests.push(piece);
    return 'pass';
  };
  proxy.onAnswer = () => {
    isAnswered = true;
    return 'pass';
  };
  /** How often the server was asked while `work` ran, and what it was sent. */
  const during = async <T>(work: () => Promise<T>) => {
    roundTrips = 0;
    requests.length = 0;
    const result = await work();
    return { result, roundTrips, sent: Buffer.concat(requests).toString('latin1') };
  };
  return { proxy, during };
}

describe('on the wire', () => {
  it('reading a state and appending an event are one round trip each, and prepared once', async () => {
    const { proxy, during } = await countingProxy();
    const pool = server.pool({ port: proxy.port, max: 1 });
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await storage.createRoom(room);

    for (const userId of ['@first:example.org', '@second:example.org', '@third:example.org']) {
      const isFirst = userId.startsWith('@first');
      const read = await during(() => basisFor(storage, room.roomId, userId));
      const append = await during(() =>
        storage.appendEvent(inviteOf(room.roomId, userId), read.result, inTime()),
      );
      expect(append.result).toMatchObject({ outcome: 'appended' });
      expect([read.roundTrips, append.roundTrips]).toEqual([1, 1]);
      expect(read.sent.includes('FROM matrix_rooms')).toBe(isFirst);
      expect(append.sent.includes('matrix_append_event(')).toBe(isFirst);
      const stale = await during(() =>
        storage.appendEvent(inviteOf(room.roomId, userId), read.result, inTime()),
      );
      expect(stale).toMatchObject({ result: { outcome: 'stale' }, roundTrips: 1 });
    }
    const change = () => storage.putState(stateEvent(room.roomId, NAME, {}));
    await change();
    for (const work of [
      change,
      () => storage.roomState(room.roomId),
      () => storage.timeline(room.roomId),
      () => storage.readState('!unheard-of:example.org', [CREATE], inTime()),
    ]) {
      expect((await during<unknown>(work)).roundTrips).toBe(1);
    }
    await pool.end();
    await proxy.close();
  });

  it('nothing is left prepared without preparedStatements, and one round trip is still enough', async () => {
    const { proxy, during } = await countingProxy();
    const pool = server.pool({ port: proxy.port, max: 1 });
    const storage = new PostgresStorage(pool, { preparedStatements: false });
    const room = newRoom();
    await storage.createRoom(room);
    for (const userId of ['@first:example.org', '@second:example.org']) {
      const read = await during(() => basisFor(storage, room.roomId, userId));
      const append = await during(() =>
        storage.appendEvent(inviteOf(room.roomId, userId), read.result, inTime()),
      );
      expect(append.result).toMatchObject({ outcome: 'appended' });
      expect([read.roundTrips, append.roundTrips]).toEqual([1, 1]);
    }
    expect((await pool.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([]);
    const prepared = new PostgresStorage(pool);
    await prepared.roomState(room.roomId);
    const { rows } = await pool.query('SELECT name FROM pg_prepared_statements');
    expect(rows).toEqual([{ name: 'matrix_roomState_1' }]);
    await pool.end();
    await proxy.close();
  });

  it('a call whose deadline is over asks nothing', async () => {
    const pool = new RecordingPool(server.pool());
    const storage = new PostgresStorage(pool);
    const room = newRoom();
    await storage.createRoom(room);
    const basis = await basisFor(storage, room.roomId, BOB);
    pool.queries.length = 0;
    const context = { signal: AbortSignal.abort() };
    await expect(storage.readState(room.roomId, [CREATE], context)).rejects.toSatisfy(isStorageUnavailable);
    await expect(storage.appendEvent(inviteOf(room.roomId, BOB), basis, context)).rejects.toSatisfy(
      isStorageUnavailable,
    );
    expect(pool.queries).toEqual([]);
  });
});

describe('a connection', () => {
  const fake = (error: unknown) => {
    const released: unknown[] = [];
    const client = {
      query: () => Promise.reject(error),
      release: (destroy: unknown) => released.push(destroy),
      on: () => {},
      removeListener: () => {},
    };
    return { storage: new PostgresStorage({ connect: async () => client }), released };
  };

  it.each([
    ['a statement was cancelled', '57014', false],
    ['a lock took too long', '55P03', false],
    ['a table is missing', '42P01', false],
    ['the disk is full', '53100', false],
    ['the server is shut down', '57P01', true],
    ['the server has crashed', '57P02', true],
    ['the connection failed', '08006', true],
    ['the server is a replica', '25006', true],
    ['the socket is broken', 'EPIPE', true],
    ['the socket is reset', 'ECONNRESET', true],
    ['nobody answers', undefined, true],
  ])('after which %s (%s) is given up: %s', async (_, code, isGivenUp) => {
    const { storage, released } = fake(Object.assign(new Error('no'), { code }));
    const failure = storage.readState('!a', [], inTime());
    await expect(failure).rejects.toSatisfy(isStorageUnavailable);
    await expect(failure).rejects.toHaveProperty('cause.message', 'no');
    expect(released).toEqual([isGivenUp]);
  });

  it('that comes too late goes back to the pool', async () => {
    const pool = server.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const held = await pool.connect();
    const late = storage.readState('!a', [CREATE], { signal: AbortSignal.timeout(50) });
    await expect(late).rejects.toThrow('The deadline passed');
    held.release();
    expect(await storage.readState('!a', [CREATE], inTime())).toBeUndefined();
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
  });

  it('leaves no listener behind', async () => {
    const pool = server.pool({ max: 1 });
    const storage = new PostgresStorage(pool);
    const listeners = async () => {
      const client = await pool.connect();
      const count = client.listenerCount('error');
      client.release();
      return count;
    };
    const before = await listeners();
    await storage.readState('!a', [CREATE], inTime());
    await expect(new PostgresStorage(pool, { tablePrefix: 'no_' }).roomState('!a')).rejects.toThrow();
    expect(await listeners()).toBe(before);
  });
});
