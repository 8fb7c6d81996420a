import { createClient, createClientPool, createCluster, createSentinel, RESP_TYPES } from 'redis';
import {
  createClient as createClient5,
  createClientPool as createClientPool5,
  createSentinel as createSentinel5,
} from 'redis5';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit, type RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { RedisServer } from '../../../servers/redis-server.ts';
import type { TestClient } from '../../support/redis-clients.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { ALICE, BOB, consume, drain, Log, ROOM, times } from './redis-support.ts';

// What is particular to clients of node-redis. The other tests of Redis run on them as well.

const DOWN = 'Redis is unavailable for rate limits: each process counts on its own';
/** The client does not connect. */
const SENTINEL = { name: 'counts', sentinelRootNodes: [{ host: '127.0.0.1', port: 26_379 }] };
const POINTS = { points: 3, durationSeconds: 60 };

// Its own server: some tests count all commands that a server runs, and delete all of its scripts.
let server: RedisServer;
let log: Log;
const clients: TestClient[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server?.close());

beforeEach(async () => {
  log = new Log();
  await server.admin((redis) => redis.flushdb());
});
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

/** What these tests do with a client. The types of node-redis are so large that the compiler needs minutes for a union. */
type HostClient = TestClient & {
  connect(): Promise<unknown>;
  sendCommand(command: string[]): Promise<unknown>;
  subscribe(channel: string, listener: () => void): Promise<void>;
  monitor(listener: () => void): Promise<void>;
  reset(): Promise<void>;
};

function opened<Client extends TestClient>(client: Client): Client {
  client.on('error', () => {});
  clients.push(client);
  return client;
}

const newLimits = (client: TestClient, options: RedisRateLimitOptions = {}) =>
  new RedisRateLimit(client, {
    limits: { inviter: POINTS, room: POINTS, invitee: POINTS },
    timeoutMs: 20_000,
    logger: log.logger,
    ...options,
  });

/** Returns the message of the error that made a limiter give up on Redis. */
async function causeOf(client: TestClient): Promise<unknown> {
  const limits = newLimits(client, { onStoreError: 'deny', logger: new Log().logger });
  const error: unknown = await limits.consume([ROOM]).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error) || !(error.cause instanceof Error)) throw new Error('It was counted');
  return error.cause.message;
}

/** Returns how often the server has run each of these commands for a client. */
async function runsOf(...names: string[]): Promise<number[]> {
  const stats = await server.admin((redis) => redis.info('commandstats'));
  return names.map((name) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0));
}

/** Returns how many more times the server has run each command during the work. */
async function runsDuring(work: () => Promise<unknown>, ...names: string[]): Promise<number[]> {
  const before = await runsOf(...names);
  await work();
  return (await runsOf(...names)).map((runs, index) => runs - (before[index] ?? 0));
}

describe('a client', () => {
  const construct = (client: unknown) => Reflect.construct(RedisRateLimit, [client]);

  it.each([
    ['6', createClientPool],
    ['5', createClientPool5],
  ])('of createClientPool of version %s is refused', (_, createPool: () => object) => {
    const pool = createPool();
    expect(() => construct(pool)).toThrow(
      new TypeError('RedisRateLimit takes no pool of node-redis: pass a client from createClient'),
    );
  });

  it.each([
    ['6', () => createSentinel(SENTINEL).on('error', () => {})],
    ['5', () => createSentinel5(SENTINEL).on('error', () => {})],
  ])('of createSentinel of version %s is refused', (_, create: () => object) => {
    const client = create();
    expect(() => construct(client)).toThrow(
      new TypeError(
        'RedisRateLimit takes no client from createSentinel of node-redis: use ioredis, with its option sentinels',
      ),
    );
  });

  it.each([
    ['createClient', (): object => createClient()],
    ['createClient of version 5', (): object => createClient5()],
    ['createCluster', (): object => createCluster({ rootNodes: [{ url: server.url }] })],
  ])('of %s is refused without a listener for its errors, which would end the process', (_, unheard) => {
    expect(() => construct(unheard())).toThrow(
      new TypeError("RedisRateLimit: the node-redis client needs a listener: client.on('error', …)"),
    );
  });

  it('gets no listeners', async () => {
    const client = opened(
      await createClient({ url: server.url })
        .on('error', () => {})
        .connect(),
    );
    const listeners = () => client.eventNames().map((name) => [name, client.listenerCount(name)]);
    const before = listeners();
    const limits = newLimits(client);
    await limits.refund(await consume(limits, ROOM));
    expect(listeners()).toEqual(before);
  });

  it('is used from its connect() on, and until it is closed', async () => {
    const client = opened(createClient({ url: server.url }));
    const closed = 'The Redis client is closed, or its connect() was not called';
    expect(await causeOf(client)).toBe(closed);
    const connecting = client.connect();
    expect(await causeOf(client)).toBe('The Redis client is not connected');
    await connecting;
    await consume(newLimits(client, { onStoreError: 'deny' }), ROOM);
    await client.close();
    expect(await causeOf(client)).toBe(closed);
    expect([...(await server.ttls()).keys()]).toEqual(['matrix-invite:room:!a:example.org']);
  });

  it('that the host app also uses for transactions as chains counts as usual', async () => {
    const client = opened(createClient({ url: server.url }));
    await client.connect();
    const limits = newLimits(client, { onStoreError: 'deny' });
    const work = Array.from({ length: 50 }, async (_, index) => {
      const chain = client.multi().set('of the host app', index).get('of the host app').exec();
      const { allowed } = await limits.consume([ROOM]);
      expect(await chain).toEqual(['OK', String(index)]);
      return allowed;
    });
    expect((await Promise.all(work)).filter(Boolean)).toHaveLength(3);
  });

  it('that gives up to reconnect is replaced by counts in memory', async () => {
    const proxy = await TcpProxy.start(server.port);
    const socket = { port: proxy.port, reconnectStrategy: () => false as const };
    const client = opened(createClient({ socket }));
    await client.connect();
    const limits = newLimits(client);
    await consume(limits, ROOM);
    proxy.cut();
    await eventually('the client has given up', async () => !client.isOpen);
    expect(await drain(limits, ROOM)).toBe(3);
    expect(log.lines).toEqual([DOWN]);
    await proxy.close();
  });
});

const versions: readonly (readonly [version: string, protocol: 2 | 3, connect: () => HostClient])[] = [
  ['6', 3, () => createClient({ url: server.url, RESP: 3 })],
  ['6', 2, () => createClient({ url: server.url, RESP: 2 })],
  ['5', 3, () => createClient5({ url: server.url, RESP: 3 })],
  ['5', 2, () => createClient5({ url: server.url, RESP: 2 })],
];

describe.each(versions)('with node-redis %s and RESP%i', (_version, protocol, connect) => {
  it('a call is one command per bucket, and sends whole scripts only if Redis lacks them', async () => {
    const client = opened(connect());
    await client.connect();
    const limits = newLimits(client, { onStoreError: 'deny' });
    await limits.peek([ROOM]);
    await consume(limits, ROOM);
    const call = () => consume(limits, ROOM, ALICE, BOB);
    expect(await runsDuring(call, 'evalsha', 'eval')).toEqual([3, 0]);
    await client.sendCommand(['SCRIPT', 'FLUSH']);
    expect(await runsDuring(() => consume(limits, ALICE), 'evalsha', 'eval')).toEqual([1, 1]);
    expect(await runsDuring(() => limits.peek([ROOM, BOB]), 'evalsha', 'eval')).toEqual([2, 2]);
    expect(await runsDuring(() => limits.peek([ROOM, BOB]), 'evalsha', 'eval')).toEqual([2, 0]);
    expect([await drain(limits, ROOM), await drain(limits, ALICE)]).toEqual([1, 1]);
  });

  it('the subscriptions of the host app have no effect in RESP3, and make Redis reject the rest in RESP2', async () => {
    const client = opened(connect());
    await client.connect();
    await client.subscribe('channel of the host app', () => {});
    if (protocol === 3) {
      await consume(newLimits(client, { onStoreError: 'deny' }), ROOM);
    } else {
      expect(await causeOf(client)).toMatch(
        /^ERR Can't execute .*\(give RedisRateLimit a connection of its own\)$/,
      );
      expect(await drain(newLimits(client), ROOM)).toBe(3);
    }
  });

  it('the monitor mode of the host app is replaced by counts in memory, until it ends', async () => {
    const client = opened(connect());
    await client.connect();
    const limits = newLimits(client);
    await consume(limits, ROOM);
    await client.monitor(() => {});
    expect(await drain(limits, ROOM)).toBe(3);
    expect(log.lines).toEqual([DOWN]);
    await client.reset();
    await eventually('Redis is used again', async () => {
      await limits.consume([BOB]);
      return (await server.ttls()).has('matrix-invite:invitee:@bob:example.org');
    });
    expect(await drain(limits, ROOM)).toBe(2);
  });
});

describe('options of a client', () => {
  it('such as a key prefix, integers as strings and no offline queue work', async () => {
    const client = opened(
      createClient({
        url: server.url,
        keyPrefix: 'host-',
        commandOptions: { typeMapping: { [RESP_TYPES.NUMBER]: String } },
        disableOfflineQueue: true,
      }),
    );
    await client.connect();
    const limits = newLimits(client, { onStoreError: 'deny' });
    const receipt = await consume(limits, ROOM, ALICE, BOB);
    expect([...(await server.ttls()).keys()].sort()).toEqual([
      'host-matrix-invite:invitee:@bob:example.org',
      'host-matrix-invite:inviter:@alice:example.org',
      'host-matrix-invite:room:!a:example.org',
    ]);
    expect(await drain(limits, ROOM)).toBe(2);
    await limits.refund(receipt);
    expect([await drain(limits, ROOM), await drain(limits, ALICE)]).toEqual([1, 3]);
  });

  it.each([
    ['a queue that is full', { commandsQueueMaxLength: 10 }, 'The queue is full'],
    [
      'a signal that was aborted',
      { commandOptions: { abortSignal: AbortSignal.abort() } },
      'The command was aborted',
    ],
  ])('that keep a command from being sent, such as %s, consume nothing', async (_, options, message) => {
    const client = opened(createClient({ url: server.url, ...options }));
    await client.connect();
    // Its handshake takes several commands, so its queue cannot be shorter.
    const waiting = times(10, () =>
      client.sendCommand(['BLPOP', 'jobs of the host app', '0'], { abortSignal: undefined }),
    );
    expect(await causeOf(client)).toBe(message);
    expect(await drain(newLimits(client), ROOM)).toBe(3);
    await server.admin((redis) => redis.rpush('jobs of the host app', ...times(10, String)));
    await Promise.all(waiting);
    expect(await server.ttls()).toEqual(new Map());
    expect(log.lines).toEqual([DOWN]);
  });
});
