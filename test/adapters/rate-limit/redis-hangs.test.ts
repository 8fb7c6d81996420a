import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit, type RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { slotOf } from '../../../adapters/rate-limit/redis/slot.ts';
import { eventually } from '../../../servers/eventually.ts';
import { RedisCluster } from '../../../servers/redis-cluster.ts';
import { RedisServer } from '../../../servers/redis-server.ts';
import {
  ioredis5,
  ioredis6,
  kept,
  newest,
  nodeOf,
  nodeRedis6,
  send,
  type TestClient,
} from '../../support/redis-clients.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { ALICE, connected, consume, countAllowed, drain, Log, ROOM, times } from './redis-support.ts';

const DOWN = 'Redis is unavailable for rate limits: each process counts on its own';
const BACK = 'Redis is available for rate limits again';
const POINTS = 3;
/** A timeout that a Redis on a busy machine does not exceed. */
const PATIENT_MS = 1_000;
const LIMITS = {
  inviter: { points: POINTS, durationSeconds: 600 },
  room: { points: POINTS, durationSeconds: 600 },
};

let log: Log;
const closings: (() => unknown)[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  process.on('unhandledRejection', onUnhandled);
  log = new Log();
});

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
  await delay(20);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

async function startServer(): Promise<RedisServer> {
  const server = await RedisServer.start();
  closings.push(() => server.close());
  return server;
}

/** Ends a client with the test. */
function closed<Client extends TestClient>(client: Client): Client {
  client.on('error', () => {});
  closings.push(() => client.disconnect());
  return client;
}

const newLimits = (client: TestClient, options: RedisRateLimitOptions = {}) =>
  new RedisRateLimit(client, { limits: LIMITS, timeoutMs: 100, logger: log.logger, ...options });

const inviter = (index: number | string) => ({ scope: 'inviter' as const, key: `@${index}:example.org` });

const roomOf = (index: number) => ({ scope: 'room' as const, key: `!${index}:example.org` });

/** Makes calls for many inviters one after the other, each for the first time. */
async function consumeInTurn(limits: RedisRateLimit, from: number, count: number): Promise<void> {
  for (let index = from; index < from + count; index += 1)
    await consume(limits, inviter(index), roomOf(index));
}

/** Returns how many scripts a server has run. */
async function scriptsRun(server: RedisServer): Promise<number> {
  const stats = await server.admin((redis) => redis.info('commandstats'));
  const runs = stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm);
  return [...runs].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

async function isBack(limits: RedisRateLimit): Promise<void> {
  await eventually('Redis is back', async () => {
    await limits.consume([{ scope: 'attempt', key: '@prober:example.org' }]);
    return log.lines.includes(BACK);
  });
}

type Options = {
  lazyConnect?: boolean;
  enableOfflineQueue?: boolean;
  commandTimeout?: number;
  autoResendUnfulfilledCommands?: boolean;
};

/** Waits until a limiter counts in Redis. */
async function countsIn(server: RedisServer, limits: RedisRateLimit): Promise<void> {
  await eventually('a call is counted in Redis', async () => {
    await limits.consume([inviter('new')]);
    return (await server.ttls()).has('matrix-invite:inviter:@new:example.org');
  });
}

describe.each([ioredis6, ioredis5, nodeRedis6])('a Redis that hangs, with $name', ({ connect }) => {
  it('costs the calls under way their timeout, and later calls neither time nor memory', async () => {
    const server = await startServer();
    const client = closed(connect(server.url));
    await connected(client);
    const limits = newLimits(client);
    await consume(limits, ROOM);
    server.signal('SIGSTOP');
    await Promise.all(times(10, (index) => consume(limits, inviter(index))));
    const keptByThen = kept(client);
    expect(keptByThen).toBe(10);
    // With a timeout for each, this would take longer than the test may.
    await consumeInTurn(limits, 10, 1_000);
    for (const index of times(1_000, (each) => each)) await limits.peek([inviter(index)]);
    expect(kept(client)).toBe(keptByThen);
    expect(log.lines).toEqual([DOWN]);

    server.signal('SIGCONT');
    await isBack(limits);
    expect(await scriptsRun(server)).toBeLessThan(100);
    await countsIn(server, limits);
    expect(log.lines).toEqual([DOWN, BACK]);
  });

  it('is used again as soon as it has replied to one call', async () => {
    const server = await startServer();
    const client = closed(connect(server.url));
    await connected(client);
    const limits = newLimits(client, { onStoreError: 'deny', timeoutMs: PATIENT_MS });
    server.signal('SIGSTOP');
    await expect(limits.consume([ROOM])).rejects.toThrow('without Redis');
    await expect(limits.consume([ROOM])).rejects.toMatchObject({
      cause: { message: 'Redis did not reply in time' },
    });
    server.signal('SIGCONT');
    // The overdue commands and their refunds have been run by then.
    await eventually('the first call is allowed', async () => (await limits.consume([ROOM])).allowed);
    expect(await drain(limits, ROOM)).toBe(POINTS - 1);
  });

  it('keeps a bounded number of commands of calls that begin before it is noticed', async () => {
    const server = await startServer();
    const client = closed(connect(server.url));
    await connected(client);
    const limits = newLimits(client);
    server.signal('SIGSTOP');
    const allowed = await countAllowed(times(15_000, (index) => limits.consume([inviter(index)])));
    expect(allowed).toBe(15_000);
    expect(kept(client)).toBe(10_000);
    server.signal('SIGCONT');
    await isBack(limits);
    await eventually('all late points are refunded', async () => (await server.ttls()).size === 1);
  });

  it('does not delay refunds once that is known, and gets them when it replies', async () => {
    const server = await startServer();
    const client = closed(connect(server.url));
    await connected(client);
    const limits = newLimits(client);
    const receipts = await Promise.all(times(500, (index) => consume(limits, inviter(index))));
    server.signal('SIGSTOP');
    await consume(limits, ROOM);
    // With a timeout for each, this would take longer than the test may.
    for (const receipt of receipts) await limits.refund(receipt);
    server.signal('SIGCONT');
    await eventually('all points are refunded', async () => (await server.ttls()).size === 0);
  });

  it.each(['before it', 'after it'])(
    'is used again on the next connection: commands are overdue %s',
    (when) => isUsedOnNextConnection(when, (port) => connect(`redis://127.0.0.1:${port}`)),
  );

  it('because the host app blocks the connection is used again afterwards', async () => {
    const server = await startServer();
    const client = closed(connect(server.url));
    await connected(client);
    const limits = newLimits(client);
    const blocking = send(client, 'BLPOP', 'jobs of the host app', '0');
    await consume(limits, ROOM);
    const keptByThen = kept(client);
    await consumeInTurn(limits, 0, 500);
    expect(kept(client)).toBe(keptByThen);
    await server.admin((redis) => redis.rpush('jobs of the host app', 'a job'));
    expect(await blocking).toEqual(['jobs of the host app', 'a job']);
    await isBack(limits);
    expect(await drain(limits, ROOM)).toBe(POINTS);
  });
});

const versions = [
  ['ioredis 6', (port: number, options: Options = {}) => new Redis(port, '127.0.0.1', options)],
  ['ioredis 5', (port: number, options: Options = {}) => new Redis5(port, '127.0.0.1', options)],
] as const;

describe.each(versions)('a Redis that hangs, with options of %s', (_, connect) => {
  it.each([true, false])(
    'before the first connection is replaced at once (enableOfflineQueue: %s), and used when it replies',
    async (enableOfflineQueue) => {
      const server = await startServer();
      server.signal('SIGSTOP');
      const client = closed(connect(server.port, { enableOfflineQueue }));
      await eventually('the handshake has begun', async () => client.status === 'connect');
      const limits = newLimits(client);
      await Promise.all(times(10, (index) => consume(limits, inviter(index))));
      const keptByThen = kept(client);
      await consumeInTurn(limits, 10, 1_000);
      expect(kept(client)).toBe(keptByThen);
      expect(log.lines).toEqual([DOWN]);
      server.signal('SIGCONT');
      await isBack(limits);
      await countsIn(server, limits);
    },
  );

  it('on a client with lazyConnect and a server that never says anything is replaced as well', async () => {
    const silent = await startSilentServer();
    const client = closed(connect(portOf(silent), { lazyConnect: true }));
    const limits = newLimits(client);
    expect(client.status).toBe('wait');
    await Promise.all(times(10, (index) => consume(limits, inviter(index))));
    const keptByThen = kept(client);
    await consumeInTurn(limits, 10, 1_000);
    expect(client.status).toBe('connect');
    expect(kept(client)).toBe(keptByThen);
    expect(log.lines).toEqual([DOWN]);
  });

  it('is asked by few calls if the client gives up commands on its own (commandTimeout)', async () => {
    const server = await startServer();
    const client = closed(connect(server.port, { commandTimeout: 20 }));
    await connected(client);
    const limits = newLimits(client);
    server.signal('SIGSTOP');
    const began = performance.now();
    await consumeInTurn(limits, 0, 1_000);
    // A call and its refunds are four commands.
    const probes = Math.ceil(Math.log2(1 + (performance.now() - began) / 100)) + 1;
    expect(kept(client)).toBeLessThanOrEqual(4 * probes);
    server.signal('SIGCONT');
    await isBack(limits);
    expect(await drain(limits, inviter('new'))).toBe(POINTS);
  });

  it('and loses its connection during a probe is used again once it is connected', async () => {
    const server = await startServer();
    const client = closed(connect(server.port, { autoResendUnfulfilledCommands: false }));
    await connected(client);
    const limits = newLimits(client, { onStoreError: 'deny' });
    server.signal('SIGSTOP');
    await expect(limits.consume([ROOM])).rejects.toThrow('without Redis');
    server.signal('SIGCONT');
    await eventually('the late reply has arrived', async () => kept(client) === 0);
    server.signal('SIGSTOP');
    const probe = limits.consume([ROOM]);
    client.disconnect(true);
    await expect(probe).rejects.toThrow('without Redis');
    server.signal('SIGCONT');
    await eventually('the first call is allowed', async () => (await limits.consume([ROOM])).allowed);
  });

  it.each(['before it', 'after it'])(
    'is used again on the next connection, which resends nothing: commands are overdue %s',
    (when) =>
      isUsedOnNextConnection(when, (port) => connect(port, { autoResendUnfulfilledCommands: false }), false),
  );
});

async function isUsedOnNextConnection(
  when: string,
  connect: (port: number) => TestClient,
  sendsAgain = true,
): Promise<void> {
  const server = await startServer();
  const proxy = await TcpProxy.start(server.port);
  closings.push(() => proxy.close());
  const client = closed(connect(proxy.port));
  await connected(client);
  const limits = newLimits(client, { onStoreError: 'deny', timeoutMs: PATIENT_MS });
  await consume(limits, ROOM);
  proxy.onRequest = () => 'swallow';
  // Each is two commands: as many as may wait.
  const lost = Promise.allSettled(times(5_000, (index) => limits.consume([inviter(index), roomOf(index)])));
  if (when === 'before it') await lost;
  const before = proxy.accepted;
  proxy.cut();
  // At once: the client may reconnect within milliseconds, and would wait forever for the reply to its handshake.
  proxy.onRequest = () => 'pass';
  await eventually('the client has a new connection', async () => proxy.accepted > before);
  await connected(client);
  if (sendsAgain) await eventually('all commands have their replies', async () => kept(client) === 0);
  expect(await limits.consume([ROOM])).toHaveProperty('allowed', true);
  await lost;
  expect(await limits.consume([ROOM])).toHaveProperty('allowed', true);
  expect(await limits.consume([ROOM])).toHaveProperty('allowed', false);
}

describe('a Redis whose replies are always late', () => {
  it('is asked by one call at a time, and by all when it is fast again', async () => {
    const server = await startServer();
    const proxy = await TcpProxy.start(server.port);
    closings.push(() => proxy.close());
    const client = closed(new Redis(proxy.port, '127.0.0.1'));
    await connected(client);
    const limits = newLimits(client);
    await consume(limits, ROOM);
    const before = await scriptsRun(server);
    proxy.responseDelayMs = 150;
    const began = performance.now();
    for (const index of times(200, (each) => each)) {
      await consume(limits, inviter(index));
      await delay(5);
    }
    const mostProbes = Math.ceil((performance.now() - began) / proxy.responseDelayMs) + 1;
    expect((await scriptsRun(server)) - before).toBeLessThanOrEqual(mostProbes);
    proxy.responseDelayMs = 0;
    await isBack(limits);
    await countsIn(server, limits);
  });

  it('does not lose calls to a single late reply', async () => {
    const server = await startServer();
    const client = closed(new Redis(server.port, '127.0.0.1'));
    await connected(client);
    const limits = newLimits(client, { onStoreError: 'deny', timeoutMs: PATIENT_MS });
    await consume(limits, ROOM);
    server.signal('SIGSTOP');
    await expect(limits.consume([ROOM])).rejects.toThrow();
    server.signal('SIGCONT');
    await eventually('the reply has arrived', async () => kept(client) === 0);
    // The first of them is the probe.
    await consume(limits, ALICE);
    expect(await countAllowed(times(500, (index) => limits.consume([inviter(index)])))).toBe(500);
  });
});

describe('together with the counts in memory', () => {
  it.each([1, 2, 3])(
    'points × (processes + 1) are allowed in a window, and no more (processes: %i)',
    async (processes) => {
      const server = await startServer();
      const clients = times(processes, (index) =>
        closed((newest[index % newest.length] ?? ioredis6).connect(server.url)),
      );
      await Promise.all(clients.map(connected));
      const limiters = clients.map((client) => newLimits(client, { timeoutMs: PATIENT_MS }));
      const allowed = async () => {
        let sum = 0;
        for (const limits of limiters) sum += await drain(limits, ROOM);
        return sum;
      };
      const rounds = [await allowed()];
      for (const _ of times(2, () => 0)) {
        server.signal('SIGSTOP');
        rounds.push(await allowed());
        server.signal('SIGCONT');
        await eventually('all use Redis again', async () => {
          await Promise.all(limiters.map((limits) => limits.consume([inviter('prober')])));
          return clients.every((client) => kept(client) === 0);
        });
        rounds.push(await allowed());
      }
      expect(rounds).toEqual([POINTS, POINTS * processes, 0, 0, 0]);
    },
  );
});

describe.each([ioredis6, ioredis5, nodeRedis6])(
  'a node of a cluster that hangs, with $name',
  ({ connectCluster }) => {
    it('puts out its own keys, of any number, and no others', async () => {
      const cluster = await RedisCluster.start(['--cluster-require-full-coverage', 'no']);
      closings.push(() => cluster.close());
      const client = closed(connectCluster(cluster.urls, { keyPrefix: 'host-{' }));
      await connected(client);
      const limits = newLimits(client, { onStoreError: 'deny', timeoutMs: PATIENT_MS });
      const [stopped] = cluster.nodes;
      const isOn = (index: number) => {
        const slot = slotOf(`host-{matrix-invite:inviter:@${index}:example.org`);
        return nodeOf(client, slot) === `127.0.0.1:${stopped?.port}`;
      };
      const own = times(3_000, (index) => index).filter(isOn);
      const others = times(300, (index) => index).filter((index) => !isOn(index));
      stopped?.signal('SIGSTOP');
      await expect(limits.consume([inviter(own[0] ?? 0)])).rejects.toThrow();
      // With a timeout for each, this would take longer than the test may.
      for (const index of own)
        await expect(limits.consume([inviter(index)])).rejects.toThrow('without Redis');
      for (const index of others) expect(await drain(limits, inviter(index))).toBe(POINTS);
      stopped?.signal('SIGCONT');
      await eventually('its keys are counted again', async () => {
        return (await limits.consume([inviter(own[0] ?? 0)])).allowed;
      });
      for (const index of own.slice(1, 100)) expect(await drain(limits, inviter(index))).toBe(POINTS);
    });

    it('before the first connection is replaced at once, if all of them hang', async () => {
      const cluster = await RedisCluster.start();
      closings.push(() => cluster.close());
      for (const node of cluster.nodes) node.signal('SIGSTOP');
      const client = closed(connectCluster(cluster.urls));
      const limits = newLimits(client);
      await Promise.all(times(10, (index) => consume(limits, inviter(index))));
      const keptByThen = kept(client);
      await consumeInTurn(limits, 10, 1_000);
      expect(kept(client)).toBe(keptByThen);
      expect(log.lines).toEqual([DOWN]);
      for (const node of cluster.nodes) node.signal('SIGCONT');
      await isBack(limits);
      expect(await drain(limits, inviter('new'))).toBe(POINTS);
    });
  },
);

describe('the slot of a key', () => {
  it('is the one that Redis computes', async () => {
    const server = await RedisServer.start(['--cluster-enabled', 'yes']);
    closings.push(() => server.close());
    const keys = [
      '',
      '123456789',
      'matrix-invite:room:!a:example.org',
      'matrix-invite:room:!{a}:example.org',
      '{}a',
      'a{}{b}',
      'a{{b}}c',
      'a}b{c',
      'a}b{c}d',
      'a{b}{c}',
      '{\u{1F600} é}\n',
      ...times(200, (index) => `!${index}:example.org`),
    ];
    const slots = await server.admin((redis) =>
      Promise.all(keys.map((key) => redis.cluster('KEYSLOT', key))),
    );
    expect(keys.map(slotOf)).toEqual(slots);
  });
});

async function startSilentServer(): Promise<Server> {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  closings.push(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  return silent;
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return address.port;
}
