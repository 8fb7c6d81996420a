import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit, type RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually, RedisServer } from '../../support/redis-server.ts';
import { BOB, drain, Log, ROOM, type TestClient, take, timed, times } from './redis-support.ts';

const DOWN = 'Redis cannot be asked for rate limits: each process counts rate limits for itself';
const BACK = 'Redis can be asked for rate limits again';
const TIMEOUT_MS = 100;
/** What a decision may take longer than its deadline on a busy machine. */
const SLACK_MS = 250;

const LIMITS = { room: { points: 3, durationSeconds: 60 }, invitee: { points: 2, durationSeconds: 60 } };

let server: RedisServer;
let log: Log;
const clients: TestClient[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(async () => {
  process.on('unhandledRejection', onUnhandled);
  server = await RedisServer.start();
  log = new Log();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await server.close();
  await delay(20);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

async function limitsOn(options: RedisRateLimitOptions = {}, client = newClient()): Promise<RedisRateLimit> {
  const limits = new RedisRateLimit(client, {
    limits: LIMITS,
    timeoutMs: TIMEOUT_MS,
    logger: log.logger,
    ...options,
  });
  await eventually('the client is connected', async () => client.status === 'ready');
  return limits;
}

function newClient(): TestClient {
  const client = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 50 });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

/** One call a moment until the log says that Redis is back. */
async function isBack(limits: RedisRateLimit): Promise<void> {
  await eventually('Redis is back', async () => {
    await limits.consume([{ scope: 'attempt', key: '@prober:example.org' }]);
    return log.lines.includes(BACK);
  });
}

async function expectBounded(call: () => Promise<unknown>, most = TIMEOUT_MS + SLACK_MS): Promise<void> {
  const { ms } = await timed(call);
  expect(ms).toBeLessThan(most);
}

describe.each([
  ['ioredis 6', (options: { retryStrategy(): number }) => new Redis(server.port, '127.0.0.1', options)],
  ['ioredis 5', (options: { retryStrategy(): number }) => new Redis5(server.port, '127.0.0.1', options)],
])('a Redis that is killed, with %s', (_, connect) => {
  it('is done without, at once, and is asked again when it is back', async () => {
    const client: TestClient = connect({ retryStrategy: () => 50 });
    client.on('error', () => {});
    clients.push(client);
    const limits = await limitsOn({ timeoutMs: 5_000 }, client);
    expect(await drain(limits, ROOM)).toBe(3);
    await server.kill();
    await eventually('the client knows', async () => client.status === 'reconnecting');
    for (const allowed of [true, true, true, ...times(200, () => false)]) {
      await expectBounded(async () => {
        expect((await limits.consume([ROOM])).allowed).toBe(allowed);
      }, 500);
      // Now and then a try to connect is under way.
      await delay(1);
    }
    expect(log.lines).toEqual([DOWN]);

    await server.startAgain();
    await isBack(limits);
    expect(log.lines).toEqual([DOWN, BACK]);
    expect(await drain(limits, ROOM)).toBe(3);
    expect([...(await server.ttls()).keys()]).toContain('matrix-invite:room:!a:example.org');
  });
});

describe('a Redis that hangs', () => {
  it('is done without after the deadline, and at once for a key that is overdue', async () => {
    const timeoutMs = 400;
    const limits = await limitsOn({ timeoutMs });
    await take(limits, ROOM);
    server.signal('SIGSTOP');
    const first = await timed(() => take(limits, ROOM));
    expect(first.ms).toBeGreaterThan(timeoutMs - 5);
    expect(first.ms).toBeLessThan(timeoutMs + SLACK_MS);
    await expectBounded(() => take(limits, ROOM), timeoutMs / 2);
    expect(log.lines).toEqual([DOWN]);

    server.signal('SIGCONT');
    await isBack(limits);
    expect(log.lines).toEqual([DOWN, BACK]);
  });

  it('loses no point to calls that it executes late', async () => {
    const limits = await limitsOn();
    await take(limits, ROOM);
    server.signal('SIGSTOP');
    await Promise.all(times(3, () => limits.consume([ROOM, BOB])));
    server.signal('SIGCONT');
    await eventually('what was late is given back', () =>
      server.admin(async (redis) => (await redis.scard('matrix-invite:room:!a:example.org')) === 1),
    );
    const other = await limitsOn();
    expect([await drain(other, BOB), await drain(other, ROOM)]).toEqual([2, 2]);
  });

  it('loses no point to calls whose connection broke meanwhile', async () => {
    const client = newClient();
    const limits = await limitsOn({}, client);
    await take(limits, ROOM);
    server.signal('SIGSTOP');
    await Promise.all(times(3, () => limits.consume([ROOM])));
    // ioredis sends again what was not answered: here both times are executed.
    if (client instanceof Redis) client.disconnect(true);
    await delay(100);
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(limits, ROOM)).toBe(2);
  });

  it('is not taken for one when it is this process that was busy', async () => {
    const limits = await limitsOn({ onStoreError: 'deny' });
    await take(limits, ROOM);
    const taken = take(limits, ROOM);
    await new Promise((resolve) => process.nextTick(resolve));
    const end = performance.now() + 2 * TIMEOUT_MS;
    while (performance.now() < end) process.hrtime();
    await taken;
    expect(log.lines).toEqual([]);
  });

  it('is not waited for by a refund', async () => {
    const limits = await limitsOn();
    const receipt = await take(limits, ROOM);
    server.signal('SIGSTOP');
    await expectBounded(() => limits.refund(receipt));
    expect(log.lines).toEqual([DOWN]);
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(limits, ROOM)).toBe(3);
  });
});

describe('a Redis that refuses to write', () => {
  it.each([
    ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['a replica', ['REPLICAOF', '127.0.0.1', '1']],
  ])(
    'because it is %s, is done without and asked again when it can',
    async (_, [command = '', ...parameters]) => {
      const limits = await limitsOn();
      await server.admin((redis) => redis.call(command, ...parameters));
      for (const allowed of [true, true, true, false]) {
        await expectBounded(async () => {
          expect((await limits.consume([ROOM])).allowed).toBe(allowed);
        });
      }
      expect(log.lines).toEqual([DOWN]);

      await server.admin(async (redis) => {
        await redis.config('SET', 'maxmemory', '0');
        await redis.replicaof('NO', 'ONE');
      });
      await isBack(limits);
      expect(await drain(limits, ROOM)).toBe(3);
      expect(log.lines).toEqual([DOWN, BACK]);
    },
  );

  it('still takes points back when it is out of memory', async () => {
    const limits = await limitsOn();
    const receipt = await take(limits, ROOM);
    await server.admin((redis) => redis.config('SET', 'maxmemory', '1'));
    await limits.refund(receipt);
    expect(await server.ttls()).toEqual(new Map());
  });

  it('because a key is not ours, is done without for that key only', async () => {
    const limits = await limitsOn();
    await server.admin((redis) => redis.set('matrix-invite:room:!a:example.org', 'something else'));
    expect(await drain(limits, ROOM)).toBe(3);
    await take(limits, BOB);
    expect(await drain(await limitsOn(), BOB)).toBe(1);
    expect(log.lines).toEqual([DOWN]);
  });
});

describe('while Redis cannot be asked', () => {
  it('"allow" allows everything', async () => {
    const limits = await limitsOn({ onStoreError: 'allow' });
    await server.kill();
    const receipts = [];
    for (const _ of times(10, () => 0)) receipts.push(await take(limits, ROOM));
    for (const receipt of receipts) await limits.refund(receipt);
    expect(log.lines).toEqual(['Redis cannot be asked for rate limits: nothing is limited']);
  });

  it('"deny" rejects, with the cause', async () => {
    const limits = await limitsOn({ onStoreError: 'deny' });
    await server.admin((redis) => redis.config('SET', 'maxmemory', '1'));
    const failing = limits.consume([ROOM]);
    await expect(failing).rejects.toThrow('Rate limits cannot be counted without Redis');
    await expect(failing).rejects.toMatchObject({ cause: { message: expect.stringContaining('OOM') } });
    expect(log.lines).toEqual([
      'Redis cannot be asked for rate limits: every limited request is turned away',
    ]);
  });

  it('"memory" counts all or none too, and takes refunds', async () => {
    const limits = await limitsOn();
    await server.kill();
    const receipt = await take(limits, ROOM, BOB);
    await take(limits, ROOM, BOB);
    expect(await limits.consume([ROOM, BOB])).toMatchObject({ allowed: false, scope: 'invitee' });
    await Promise.all([limits.refund(receipt), limits.refund(receipt)]);
    expect([await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([2, 1]);
  });

  it('the log is told once, however many calls there are and however long it lasts', async () => {
    const limits = await limitsOn();
    await server.kill();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(times(50, (index) => limits.consume([{ scope: 'attempt', key: `@${index}` }])));
      await delay(300);
    }
    expect(log.lines).toEqual([DOWN]);
  });
});

describe('a peek while Redis cannot be asked', () => {
  it('counts in this process, with "memory"', async () => {
    const limits = await limitsOn();
    await drain(limits, BOB);
    await server.kill();
    for (const _ of times(5, () => 0)) expect(await limits.peek([ROOM, BOB])).toEqual({ allowed: true });
    expect(await drain(limits, BOB)).toBe(2);
    const forecast = await limits.peek([ROOM, BOB]);
    expect(forecast).toEqual({ allowed: false, scope: 'invitee', retryAfterMs: expect.any(Number) });
    expect(await drain(limits, ROOM)).toBe(3);
    expect(log.lines).toEqual([DOWN]);
  });

  it('says allowed, with "allow"', async () => {
    const limits = await limitsOn({ onStoreError: 'allow' });
    await drain(limits, ROOM);
    await server.kill();
    expect(await limits.peek([ROOM])).toEqual({ allowed: true });
  });

  it('rejects, with "deny", with the cause', async () => {
    const limits = await limitsOn({ onStoreError: 'deny' });
    await server.admin((redis) => redis.set('matrix-invite:room:!a:example.org', 'something else'));
    const failing = limits.peek([BOB, ROOM]);
    await expect(failing).rejects.toThrow('Rate limits cannot be counted without Redis');
    await expect(failing).rejects.toMatchObject({
      cause: { message: expect.stringContaining('WRONGTYPE') },
    });
    // One bucket that certainly refuses is enough, as for consume.
    await drain(await limitsOn(), BOB);
    expect(await limits.peek([BOB, ROOM])).toMatchObject({ allowed: false, scope: 'invitee' });
  });

  it('does not wait beyond the deadline, nor for a key that is overdue', async () => {
    const timeoutMs = 400;
    const limits = await limitsOn({ timeoutMs });
    await limits.peek([ROOM]);
    server.signal('SIGSTOP');
    const first = await timed(() => limits.peek([ROOM]));
    expect(first.answer).toEqual({ allowed: true });
    expect(first.ms).toBeGreaterThan(timeoutMs - 5);
    expect(first.ms).toBeLessThan(timeoutMs + SLACK_MS);
    await expectBounded(() => limits.peek([ROOM]), timeoutMs / 2);
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(await limitsOn(), ROOM)).toBe(3);
  });
});

describe('a client', () => {
  it('that connects lazily is connected by the first call', async () => {
    const client = new Redis(server.port, '127.0.0.1', { lazyConnect: true });
    clients.push(client);
    const limits = new RedisRateLimit(client, { timeoutMs: 5_000, onStoreError: 'deny' });
    expect(client.status).toBe('wait');
    await take(limits, ROOM);
    expect(client.status).toBe('ready');
  });

  it('that is still connecting is waited for', async () => {
    await take(new RedisRateLimit(newClient(), { timeoutMs: 5_000, onStoreError: 'deny' }), ROOM);
  });

  it('that was closed is done without', async () => {
    const client = newClient();
    const limits = await limitsOn({}, client);
    client.disconnect();
    await expectBounded(() => take(limits, ROOM));
    expect(log.lines).toEqual([DOWN]);
  });

  it('gets no listener, and keeps its commands', async () => {
    const client = new Redis(server.port, '127.0.0.1');
    clients.push(client);
    client.defineCommand('rlflxIncr', { lua: "return 'mine'", numberOfKeys: 1 });
    const mine: unknown = Reflect.get(client, 'rlflxIncr');
    const listeners = () => client.eventNames().map((name) => [name, client.listenerCount(name)]);
    const before = listeners();
    const limits = await limitsOn({}, client);
    const receipt = await take(limits, ROOM, BOB);
    await limits.refund(receipt);
    server.signal('SIGSTOP');
    await take(limits, ROOM);
    server.signal('SIGCONT');
    expect(listeners()).toEqual(before);
    expect(Reflect.get(client, 'rlflxIncr')).toBe(mine);
    expect(log.lines).toEqual([DOWN]);
  });
});
