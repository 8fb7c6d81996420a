import { Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey } from 'iovalkey';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit, type RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { TestRedis } from '../../../servers/test-redis.ts';
import { libraries, send, type TestClient } from '../../support/redis-clients.ts';
import { ALICE, BOB, connected, consume, drain, Log, ROOM, times } from './redis-support.ts';

const DOWN = 'Redis is unavailable for rate limits: each process counts on its own';
const BACK = 'Redis is available for rate limits again';
const LIMITS = {
  inviter: { points: 3, durationSeconds: 60 },
  room: { points: 3, durationSeconds: 60 },
  invitee: { points: 3, durationSeconds: 60 },
};

let server: TestRedis;
let log: Log;
const clients: TestClient[] = [];

beforeAll(async () => {
  server = await TestRedis.open();
});
afterAll(() => server?.close());

beforeEach(async () => {
  log = new Log();
  await server.admin((redis) => redis.flushdb());
});
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

function opened<Client extends TestClient>(client: Client): Client {
  client.on('error', () => {});
  clients.push(client);
  return client;
}

const newClient = (options: RedisOptions = {}) => opened(new Redis(server.url, options));

/** A limiter whose log nobody reads. */
const newDenyingLimits = (client: TestClient) =>
  newLimits(client, { onStoreError: 'deny', logger: new Log().logger });

const newLimits = (client: TestClient, options: RedisRateLimitOptions = {}) =>
  new RedisRateLimit(client, { limits: LIMITS, timeoutMs: 10_000, logger: log.logger, ...options });

/** Returns the message of the error that made a limiter give up on Redis. */
async function causeOf(limits: RedisRateLimit): Promise<unknown> {
  const error: unknown = await limits.consume([ROOM]).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error) || !(error.cause instanceof Error)) throw new Error('It was counted');
  return error.cause.message;
}

async function isBack(limits: RedisRateLimit): Promise<void> {
  await eventually('Redis is back', async () => {
    await limits.consume([{ scope: 'attempt', key: '@prober:example.org' }]);
    return log.lines.includes(BACK);
  });
}

describe.each(libraries)('a client that the host app also uses, with $name', (library) => {
  const connect = () => opened(library.connect(server.url));

  it.each(['EXEC', 'DISCARD'])('for a MULTI counts in memory until the %s', async (end) => {
    const client = connect();
    await connected(client);
    const limits = newLimits(client);
    const receipt = await consume(limits, ROOM);
    await send(client, 'MULTI');
    expect(await drain(limits, ROOM)).toBe(3);
    expect(await limits.peek([ROOM])).toMatchObject({ allowed: false, scope: 'room' });
    expect(await drain(limits, BOB)).toBe(3);
    await limits.refund(receipt);
    expect(log.lines).toEqual([DOWN]);

    await send(client, end);
    await isBack(limits);
    // The refund was part of the MULTI.
    expect(await drain(limits, ROOM)).toBe(end === 'EXEC' ? 3 : 2);
    expect(await drain(limits, BOB)).toBe(3);
    expect(log.lines).toEqual([DOWN, BACK]);
  });

  it('for a MULTI says so, and adds few commands to it', async () => {
    const client = connect();
    await connected(client);
    const limits = newLimits(client, { onStoreError: 'deny' });
    await send(client, 'MULTI');
    const message = 'The Redis client is inside a MULTI: give RedisRateLimit a connection of its own';
    for (const _call of times(1_000, () => 0)) expect(await causeOf(limits)).toBe(message);
    const results = await send(client, 'EXEC');
    expect(Array.isArray(results) && results.length).toBeLessThan(20);
  });

  it('is not disturbed when the host app deletes all scripts', async () => {
    const client = connect();
    await connected(client);
    const limits = newLimits(client, { onStoreError: 'deny' });
    await consume(limits, ROOM, ALICE);
    await send(client, 'SCRIPT', 'FLUSH');
    await consume(limits, ROOM, ALICE);
    await send(client, 'SCRIPT', 'FLUSH');
    expect(await limits.peek([ROOM])).toEqual({ allowed: true });
    expect([await drain(limits, ROOM), await drain(limits, ALICE)]).toEqual([1, 1]);
  });
});

describe.each([
  ['ioredis 6', () => newClient()],
  ['ioredis 5', () => opened(new Redis5(server.url))],
])('a client of %s that the host app also uses', (_, connect) => {
  it('to monitor Redis says so, and counts in memory', async () => {
    const client = connect();
    await eventually('the client is connected', async () => client.status === 'ready');
    const monitor = opened(await client.monitor());
    expect(await causeOf(newDenyingLimits(monitor))).toBe(
      'The Redis client is in monitor mode: give RedisRateLimit a connection of its own',
    );
    expect(await drain(newLimits(monitor), ROOM)).toBe(3);
    expect(await server.ttls()).toEqual(new Map());
  });

  it('for transactions and pipelines as chains counts as usual', async () => {
    const client = connect();
    const limits = newLimits(client, { onStoreError: 'deny' });
    const work = times(50, async (index) => {
      const chain = client.multi().set('of the host app', index).get('of the host app').exec();
      const pipeline = client.pipeline().echo('a').echo('b').exec();
      const { allowed } = await limits.consume([ROOM]);
      expect((await chain)?.length).toBe(2);
      expect((await pipeline)?.length).toBe(2);
      return allowed;
    });
    expect((await Promise.all(work)).filter(Boolean)).toHaveLength(3);
  });
});

describe.each([
  ['ioredis 6 with RESP2', () => newClient({ protocol: 2 })],
  ['ioredis 5', () => opened(new Redis5(server.url))],
  ['iovalkey', () => opened(new Valkey(server.url))],
])('a client that subscribes to channels, with %s', (_, connect) => {
  it('is replaced by counts in memory until it has unsubscribed, and the log says what to do', async () => {
    const client = connect();
    const limits = newLimits(client);
    await client.subscribe('channel of the host app');
    const message = 'Connection in subscriber mode, only subscriber commands may be used';
    expect(await causeOf(newDenyingLimits(client))).toBe(
      `${message} (give RedisRateLimit a connection of its own)`,
    );
    expect(await drain(limits, ROOM)).toBe(3);
    await client.unsubscribe('channel of the host app');
    await isBack(limits);
    expect(await drain(limits, ROOM)).toBe(3);
    expect(log.lines).toEqual([DOWN, BACK]);
  });
});

describe('integers', () => {
  const variants: [string, RedisOptions][] = [
    ['as strings (stringNumbers)', { stringNumbers: true }],
    ['in RESP3', { protocol: 3 }],
    ['in RESP2', { protocol: 2 }],
    ['with a key prefix and automatic pipelining', { keyPrefix: 'host:', enableAutoPipelining: true }],
  ];
  it.each(variants)('%s are read', async (_, options) => {
    const limits = newLimits(newClient(options), { onStoreError: 'deny' });
    const receipt = await consume(limits, ROOM, BOB);
    expect([await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([2, 2]);
    const refusal = await limits.consume([ROOM, BOB]);
    expect(refusal).toMatchObject({ allowed: false, retryAfterMs: expect.any(Number) });
    expect(await limits.peek([ROOM])).toMatchObject({ allowed: false, retryAfterMs: expect.any(Number) });
    await limits.refund(receipt);
    expect([await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([1, 1]);
  });
});

describe('a reply that is no answer', () => {
  /** Makes a connected client return another reply to every script, as a proxy or a wrapper could. */
  function replyWith(client: Redis, reply: unknown): void {
    const scripts = Object.keys(client).filter((name) => name.startsWith('matrixInvite'));
    expect(scripts).not.toEqual([]);
    for (const name of scripts) Reflect.set(client, name, async () => reply);
  }

  const replies: [unknown][] = [
    [undefined],
    [null],
    ['OK'],
    ['QUEUED'],
    ['12'],
    [1],
    [{}],
    [{ 0: 1, 1: 1_000, length: 2 }],
    [[]],
    [[1]],
    [[1, 1_000, 1]],
    [[null, null]],
    [[1, null]],
    [['1 of 3', '1000']],
    [['', '']],
    [[1, 'soon']],
    [[0.5, 1_000]],
    [[Number.NaN, 1_000]],
    [[-1, 1_000]],
    [[1, -3]],
    [[1, Number.POSITIVE_INFINITY]],
    [
      [
        [null, 1],
        [null, 1_000],
      ],
    ],
    [[new Error('in an array'), 1_000]],
    [[true, true]],
    [['99999999999999999999', '1']],
  ];
  it.each(replies)('such as %j is not counted as a point', async (reply) => {
    const client = newClient();
    const limits = newLimits(client);
    replyWith(client, reply);
    expect(await drain(limits, ROOM)).toBe(3);
    expect(await limits.peek([ROOM])).toMatchObject({ allowed: false, scope: 'room' });
    expect(await drain(limits, BOB)).toBe(3);
    expect(log.lines).toEqual([DOWN]);
  });

  it('is not in the error, since it may be a reply to the host app', async () => {
    const client = newClient();
    const limits = newLimits(client, { onStoreError: 'deny' });
    replyWith(client, ['a secret of the host app', 5]);
    const message = await causeOf(limits);
    expect(message).toContain('give RedisRateLimit a connection of its own');
    expect(message).not.toContain('secret');
  });

  it('to a consumption without a call in the window is not counted', async () => {
    const client = newClient();
    const limits = newLimits(client, { onStoreError: 'deny' });
    replyWith(client, [0, 1_000]);
    await expect(limits.consume([ROOM])).rejects.toThrow('without Redis');
  });

  it('to a refund is logged', async () => {
    const client = newClient();
    const limits = newLimits(client);
    const receipt = await consume(limits, ROOM);
    Reflect.set(client, 'srem', async () => 'QUEUED');
    await limits.refund(receipt);
    expect(log.lines).toEqual([DOWN]);
  });

  it('that says to wait longer than the window is cut to the window', async () => {
    const client = newClient();
    const limits = newLimits(client);
    replyWith(client, [4, 3_600_000]);
    const refusal = { allowed: false, scope: 'room', retryAfterMs: 60_000 };
    expect(await limits.consume([ROOM])).toEqual(refusal);
    expect(await limits.peek([ROOM])).toEqual(refusal);
    expect(log.lines).toEqual([]);
  });
});

describe('a key of another program', () => {
  const values: [string, (redis: Redis, key: string) => Promise<unknown>][] = [
    ['string', (redis, key) => redis.set(key, '-5')],
    ['list', (redis, key) => redis.rpush(key, 'a')],
    ['hash', (redis, key) => redis.hset(key, 'a', 'b')],
    ['sorted set', (redis, key) => redis.zadd(key, -1, 'a')],
    ['stream', (redis, key) => redis.xadd(key, '*', 'a', 'b')],
  ];
  it.each(values)('of type %s is left alone, and the log says what to do', async (_, write) => {
    const client = newClient();
    await write(client, 'matrix-invite:room:!a:example.org');
    const message = await causeOf(newDenyingLimits(client));
    expect(message).toMatch(/^WRONGTYPE .*choose another "keyPrefix"/);
    const limits = newLimits(client);
    expect(await drain(limits, ROOM)).toBe(3);
    expect(await drain(limits, BOB)).toBe(3);
    expect(await server.ttls()).toEqual(
      new Map([
        ['matrix-invite:room:!a:example.org', -1],
        ['matrix-invite:invitee:@bob:example.org', expect.any(Number)],
      ]),
    );
    expect(log.lines).toEqual([DOWN]);
  });

  it('that is a set of more members than points refuses, and ends with a window', async () => {
    const client = newClient();
    const limits = newLimits(client);
    await client.sadd('matrix-invite:room:!a:example.org', ...times(50, String));
    expect(await limits.consume([ROOM])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 60_000 });
    expect((await server.ttls()).get('matrix-invite:room:!a:example.org')).toBeGreaterThan(0);
  });
});
