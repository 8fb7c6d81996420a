import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit, type RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { RedisServer } from '../../../servers/redis-server.ts';
import { ioredis6, isReady, libraries, newest, type TestClient } from '../../support/redis-clients.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { BOB, connected, consume, drain, Log, ROOM, timed, times } from './redis-support.ts';

const DOWN = 'Redis is unavailable for rate limits: each process counts on its own';
const BACK = 'Redis is available for rate limits again';
const TIMEOUT_MS = 500;
/** How much longer than its timeout a decision can take on a busy machine. */
const SLACK_MS = 10_000;

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
  await connected(client);
  return limits;
}

function newClient(library = ioredis6, url = server.url): TestClient {
  const client = library.connect(url);
  clients.push(client);
  return client;
}

/** Makes calls until the log says that Redis is available again. */
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

describe.each(libraries)('a Redis that is killed, with $name', (library) => {
  it('is replaced by counts in memory at once, and used again when it is back', async () => {
    const client = newClient(library);
    const limits = await limitsOn({ timeoutMs: 5_000 }, client);
    expect(await drain(limits, ROOM)).toBe(3);
    await server.kill();
    await eventually('the client has noticed', async () => !isReady(client));
    for (const allowed of [true, true, true, ...times(200, () => false)]) {
      await expectBounded(async () => {
        expect((await limits.consume([ROOM])).allowed).toBe(allowed);
      }, 4_000);
      // A reconnection attempt is in progress during some of the calls.
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

describe.each(newest)('a Redis that hangs, with $name', (library) => {
  it('is replaced by counts in memory after the timeout, and at once for a key with an overdue command', async () => {
    const timeoutMs = 2_000;
    const limits = await limitsOn({ timeoutMs }, newClient(library));
    await consume(limits, ROOM);
    server.signal('SIGSTOP');
    const first = await timed(() => consume(limits, ROOM));
    expect(first.ms).toBeGreaterThan(timeoutMs - 5);
    expect(first.ms).toBeLessThan(timeoutMs + SLACK_MS);
    await expectBounded(() => consume(limits, ROOM), timeoutMs / 2);
    expect(log.lines).toEqual([DOWN]);

    server.signal('SIGCONT');
    await isBack(limits);
    expect(log.lines).toEqual([DOWN, BACK]);
  });

  it('loses no points to calls that it executes late', async () => {
    const limits = await limitsOn({}, newClient(library));
    await consume(limits, ROOM);
    server.signal('SIGSTOP');
    await Promise.all(times(3, () => limits.consume([ROOM, BOB])));
    server.signal('SIGCONT');
    await eventually('the late points are refunded', () =>
      server.admin(async (redis) => (await redis.scard('matrix-invite:room:!a:example.org')) === 1),
    );
    const other = await limitsOn();
    expect([await drain(other, BOB), await drain(other, ROOM)]).toEqual([2, 2]);
  });

  it('loses no points to calls whose connection broke in the meantime', async () => {
    const proxy = await TcpProxy.start(server.port);
    const client = newClient(library, `redis://127.0.0.1:${proxy.port}`);
    const limits = await limitsOn({}, client);
    await consume(limits, ROOM);
    server.signal('SIGSTOP');
    await Promise.all(times(3, () => limits.consume([ROOM])));
    // ioredis resends commands without a reply. Here, Redis executes them both times.
    proxy.cut();
    await eventually('the connection is lost', async () => !isReady(client));
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(limits, ROOM)).toBe(2);
    client.disconnect();
    await proxy.close();
  });

  it('is not assumed when it was this process that was busy', async () => {
    const proxy = await TcpProxy.start(server.port);
    const client = newClient(library, `redis://127.0.0.1:${proxy.port}`);
    const limits = await limitsOn({ onStoreError: 'deny' }, client);
    await consume(limits, ROOM);
    // The reply is not there yet when the process is no longer busy.
    proxy.responseDelayMs = TIMEOUT_MS / 5;
    const consuming = consume(limits, ROOM);
    await new Promise((resolve) => process.nextTick(resolve));
    const end = performance.now() + 2 * TIMEOUT_MS;
    while (performance.now() < end) process.hrtime();
    await consuming;
    expect(log.lines).toEqual([]);
    client.disconnect();
    await proxy.close();
  });

  it('does not delay a refund beyond the timeout', async () => {
    const limits = await limitsOn({}, newClient(library));
    const receipt = await consume(limits, ROOM);
    server.signal('SIGSTOP');
    await expectBounded(() => limits.refund(receipt));
    expect(log.lines).toEqual([DOWN]);
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(limits, ROOM)).toBe(3);
  });
});

describe.each(newest)('a Redis that rejects writes, with $name', (library) => {
  it.each([
    ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['a replica', ['REPLICAOF', '127.0.0.1', '1']],
  ])(
    'because it is %s, is replaced by counts in memory, and used again when it accepts writes',
    async (_, [command = '', ...parameters]) => {
      const limits = await limitsOn({}, newClient(library));
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

  it('still accepts refunds when it is out of memory', async () => {
    const limits = await limitsOn({}, newClient(library));
    const receipt = await consume(limits, ROOM);
    await server.admin((redis) => redis.config('SET', 'maxmemory', '1'));
    await limits.refund(receipt);
    expect(await server.ttls()).toEqual(new Map());
  });

  it('because a key has another type, is replaced by counts in memory for that key only', async () => {
    const limits = await limitsOn({}, newClient(library));
    await server.admin((redis) => redis.set('matrix-invite:room:!a:example.org', 'something else'));
    expect(await drain(limits, ROOM)).toBe(3);
    await consume(limits, BOB);
    expect(await drain(await limitsOn({}, newClient(library)), BOB)).toBe(1);
    expect(log.lines).toEqual([DOWN]);
  });
});

describe('while Redis is unavailable', () => {
  it('"allow" allows everything', async () => {
    const limits = await limitsOn({ onStoreError: 'allow' });
    await server.kill();
    const receipts = [];
    for (const _ of times(10, () => 0)) receipts.push(await consume(limits, ROOM));
    for (const receipt of receipts) await limits.refund(receipt);
    expect(log.lines).toEqual(['Redis is unavailable for rate limits: nothing is limited']);
  });

  it('"deny" rejects, with the cause', async () => {
    const limits = await limitsOn({ onStoreError: 'deny' });
    await server.admin((redis) => redis.config('SET', 'maxmemory', '1'));
    const failing = limits.consume([ROOM]);
    await expect(failing).rejects.toThrow('Rate limits cannot be counted without Redis');
    await expect(failing).rejects.toMatchObject({ cause: { message: expect.stringContaining('OOM') } });
    expect(log.lines).toEqual(['Redis is unavailable for rate limits: every limited request gets a 503']);
  });

  it('"memory" also consumes all or none, and accepts refunds', async () => {
    const limits = await limitsOn();
    await server.kill();
    const receipt = await consume(limits, ROOM, BOB);
    await consume(limits, ROOM, BOB);
    expect(await limits.consume([ROOM, BOB])).toMatchObject({ allowed: false, scope: 'invitee' });
    await Promise.all([limits.refund(receipt), limits.refund(receipt)]);
    expect([await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([2, 1]);
  });

  it('one line is logged, for any number of calls and any length of time', async () => {
    const limits = await limitsOn();
    await server.kill();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(times(50, (index) => limits.consume([{ scope: 'attempt', key: `@${index}` }])));
      await delay(300);
    }
    expect(log.lines).toEqual([DOWN]);
  });
});

describe('a peek while Redis is unavailable', () => {
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

  it('is allowed, with "allow"', async () => {
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
    // One bucket that refuses for certain is enough, as for consume.
    await drain(await limitsOn(), BOB);
    expect(await limits.peek([BOB, ROOM])).toMatchObject({ allowed: false, scope: 'invitee' });
  });

  it('does not wait longer than the timeout, nor for a key with an overdue command', async () => {
    const timeoutMs = 2_000;
    const limits = await limitsOn({ timeoutMs });
    await limits.peek([ROOM]);
    server.signal('SIGSTOP');
    const first = await timed(() => limits.peek([ROOM]));
    expect(first.decision).toEqual({ allowed: true });
    expect(first.ms).toBeGreaterThan(timeoutMs - 5);
    expect(first.ms).toBeLessThan(timeoutMs + SLACK_MS);
    await expectBounded(() => limits.peek([ROOM]), timeoutMs / 2);
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(await limitsOn(), ROOM)).toBe(3);
  });
});

describe.each(newest)('a client of $name', (library) => {
  it('that was closed is replaced by counts in memory', async () => {
    const client = newClient(library);
    const limits = await limitsOn({}, client);
    client.disconnect();
    await expectBounded(() => consume(limits, ROOM));
    expect(log.lines).toEqual([DOWN]);
  });
});

describe('a client of ioredis', () => {
  it('with lazyConnect is connected by the first call', async () => {
    const client = new Redis(server.port, '127.0.0.1', { lazyConnect: true });
    clients.push(client);
    const limits = new RedisRateLimit(client, { timeoutMs: 5_000, onStoreError: 'deny' });
    expect(client.status).toBe('wait');
    await consume(limits, ROOM);
    expect(client.status).toBe('ready');
  });

  it('that is still connecting is waited for', async () => {
    await consume(new RedisRateLimit(newClient(), { timeoutMs: 5_000, onStoreError: 'deny' }), ROOM);
  });

  it('gets no listeners, and keeps its own commands', async () => {
    const client = new Redis(server.port, '127.0.0.1');
    clients.push(client);
    client.defineCommand('rlflxIncr', { lua: "return 'mine'", numberOfKeys: 1 });
    const mine: unknown = Reflect.get(client, 'rlflxIncr');
    const listeners = () => client.eventNames().map((name) => [name, client.listenerCount(name)]);
    const before = listeners();
    const limits = await limitsOn({}, client);
    const receipt = await consume(limits, ROOM, BOB);
    await limits.refund(receipt);
    server.signal('SIGSTOP');
    await consume(limits, ROOM);
    server.signal('SIGCONT');
    expect(listeners()).toEqual(before);
    expect(Reflect.get(client, 'rlflxIncr')).toBe(mine);
    expect(log.lines).toEqual([DOWN]);
  });
});
