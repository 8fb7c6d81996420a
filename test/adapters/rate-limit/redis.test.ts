import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit, type RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { TestRedis } from '../../../servers/test-redis.ts';
import { ALICE, BOB, consume, countAllowed, drain, ROOM, times } from './redis-support.ts';

const LIMITS = {
  attempt: { points: 12, durationSeconds: 60 },
  inviter: { points: 4, durationSeconds: 20 },
  room: { points: 3, durationSeconds: 10 },
  invitee: { points: 2, durationSeconds: 1_667 },
};

let server: TestRedis;
let redis: Redis;
/** The commands that clients send to the database, in order. */
let commands: string[];
/** The commands that scripts run on the database, in order. */
let scriptCommands: string[];
let monitor: Redis;

beforeAll(async () => {
  server = await TestRedis.open();
  redis = new Redis(server.url);
  monitor = await redis.monitor();
  monitor.on('monitor', (_time: string, [name = '']: string[], source: string, database: string) => {
    if (Number(database) !== server.index) return;
    (source === 'lua' ? scriptCommands : commands).push(name.toLowerCase());
  });
});

afterAll(async () => {
  monitor?.disconnect();
  redis?.disconnect();
  await server?.close();
});

beforeEach(async () => {
  commands = [];
  scriptCommands = [];
  await redis.flushdb();
});

afterEach(async () => {
  for (const [key, ttl] of await server.ttls()) {
    expect(key).toMatch(/^[\w-]+:(attempt|inviter|room|invitee):/);
    expect(ttl).toBeGreaterThan(0);
  }
});

const newLimits = (options: RedisRateLimitOptions = {}, client = redis) =>
  new RedisRateLimit(client, { limits: LIMITS, timeoutMs: 20_000, onStoreError: 'deny', ...options });

/** Returns the commands that the server receives during the work. */
async function commandsOf(work: () => Promise<unknown>): Promise<string[]> {
  await redis.echo('begin');
  await delay(20);
  commands = [];
  scriptCommands = [];
  await work();
  await redis.echo('end');
  await delay(20);
  return commands.filter((name) => name !== 'echo');
}

/** Returns the write commands that the last `commandsOf` saw, including those that scripts ran. */
async function writeCommands(): Promise<string[]> {
  const names = [...commands, ...scriptCommands];
  const details = (await redis.command('INFO', ...names)) as [name: string, arity: number, flags: string[]][];
  return names.filter((_, index) => details[index]?.[2].includes('write'));
}

describe('options', () => {
  const create = (client: unknown, options?: unknown) =>
    Reflect.construct(RedisRateLimit, [client, options]) as RedisRateLimit;

  it.each([
    [{ prefix: 'x' }, 'unknown option "prefix"; allowed: limits, keyPrefix, timeoutMs, onStoreError, logger'],
    [{ toString: 1 }, 'unknown option "toString"; allowed: '],
    [{ keyPrefix: '' }, 'option "keyPrefix" must be a non-empty string'],
    [{ keyPrefix: 5 }, 'option "keyPrefix" must be'],
    [{ timeoutMs: 0 }, 'option "timeoutMs" must be an integer number of milliseconds, from 1 to 2147483647'],
    [{ timeoutMs: 2 ** 31 }, 'option "timeoutMs" must be'],
    [{ timeoutMs: '200' }, 'option "timeoutMs" must be'],
    [{ onStoreError: 'ignore' }, 'option "onStoreError" must be "memory", "allow" or "deny"'],
    [{ logger: console.log }, 'option "logger" must be a logger'],
    [{ limits: { rooms: false } }, 'unknown scope "rooms"; allowed: attempt, inviter, room, invitee'],
    [{ limits: { room: { points: 1, durationSeconds: 0.5 } } }, 'durationSeconds must be an integer'],
    [null, 'options must be an object'],
  ])('%j are rejected', (options, message) => {
    expect(() => create(redis, options)).toThrow(TypeError);
    expect(() => create(redis, options)).toThrow(message);
  });

  it.each([[undefined], [null], [{}], ['redis://localhost'], [{ isReady: true, sRem() {} }]])(
    'are rejected with %j instead of a client',
    (client) => {
      expect(() => create(client)).toThrow(
        new TypeError('RedisRateLimit takes a client of ioredis, iovalkey or node-redis'),
      );
    },
  );

  it('are optional', async () => {
    const limits = create(redis, { limits: undefined, keyPrefix: undefined, timeoutMs: undefined });
    expect([await drain(limits, ALICE), await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([
      10, 10, 5,
    ]);
    expect(await drain(limits, { scope: 'attempt', key: '@a' })).toBe(60);
  });

  it('do not count a disabled scope', async () => {
    const limits = newLimits({ limits: { ...LIMITS, room: false } });
    expect(await drain(limits, ROOM)).toBe(1_000);
    expect(await countAllowed(times(20, () => limits.consume([ROOM, ALICE])))).toBe(4);
  });
});

describe('keys', () => {
  it('are readable, and expire with their window', async () => {
    await consume(newLimits(), ROOM, ALICE);
    const ttls = await server.ttls();
    expect([...ttls.keys()].sort()).toEqual([
      'matrix-invite:inviter:@alice:example.org',
      'matrix-invite:room:!a:example.org',
    ]);
    expect(ttls.get('matrix-invite:room:!a:example.org')).toBeGreaterThan(9_000);
    expect(ttls.get('matrix-invite:room:!a:example.org')).toBeLessThanOrEqual(10_000);
  });

  it('are counted separately with different prefixes, from our option or the client', async () => {
    const own = new Redis(server.url, { keyPrefix: 'host-' });
    const limits = newLimits();
    expect(await drain(limits, ROOM)).toBe(3);
    expect(await drain(newLimits({ keyPrefix: 'other' }), ROOM)).toBe(3);
    const prefixed = newLimits({}, own);
    const receipt = await consume(prefixed, ROOM);
    expect(await drain(prefixed, ROOM)).toBe(2);
    await prefixed.refund(receipt);
    expect(await drain(prefixed, ROOM)).toBe(1);
    expect([...(await server.ttls()).keys()].sort()).toEqual([
      'host-matrix-invite:room:!a:example.org',
      'matrix-invite:room:!a:example.org',
      'other:room:!a:example.org',
    ]);
    own.disconnect();
  });

  it('leave nothing behind when a call is refused or refunded', async () => {
    const limits = newLimits();
    await limits.refund(await consume(limits, ROOM, ALICE, BOB));
    expect(await server.ttls()).toEqual(new Map());
    expect(await drain(limits, BOB)).toBe(2);
    for (const _ of times(3, () => 0)) expect((await limits.consume([ROOM, BOB, ALICE])).allowed).toBe(false);
    expect([...(await server.ttls()).keys()]).toEqual(['matrix-invite:invitee:@bob:example.org']);
  });

  it('use little memory', async () => {
    const limits = newLimits({ limits: { attempt: { points: 500, durationSeconds: 60 } } });
    const alice = { scope: 'attempt' as const, key: '@alice:example.org' };
    expect(await countAllowed(times(600, () => limits.consume([alice])))).toBe(500);
    expect(await redis.memory('USAGE', 'matrix-invite:attempt:@alice:example.org')).toBeLessThan(6_000);
  });

  it.each([' ', '', '7 8: \n\0 9', '\u{1F600} \uFFFF', '{!a:example.org} '])(
    'can contain %j',
    async (key) => {
      const limits = newLimits();
      const receipt = await consume(limits, { scope: 'room', key });
      expect([...(await server.ttls()).keys()]).toEqual([`matrix-invite:room:${key}`]);
      expect(await drain(limits, { scope: 'room', key })).toBe(2);
      await limits.refund(receipt);
      expect(await drain(limits, { scope: 'room', key })).toBe(1);
    },
  );

  it('that someone has made persistent are repaired by the next call', async () => {
    const limits = newLimits();
    expect(await drain(limits, ROOM)).toBe(3);
    await redis.persist('matrix-invite:room:!a:example.org');
    expect(await limits.consume([ROOM])).toMatchObject({ allowed: false });
    expect((await server.ttls()).get('matrix-invite:room:!a:example.org')).toBeGreaterThan(0);
  });
});

describe('a window that would end too late, as after the clock of Redis was set back', () => {
  const key = 'matrix-invite:room:!a:example.org';
  const tooLate = async () => {
    await redis.pexpire(key, 3_600_000);
    expect((await server.ttls()).get(key)).toBeGreaterThan(10_000);
  };
  const ttl = async () => (await server.ttls()).get(key);

  it('is repaired by the next call, whether that is allowed or refused', async () => {
    const limits = newLimits();
    await consume(limits, ROOM);
    await tooLate();
    expect(await drain(limits, ROOM)).toBe(2);
    expect(await ttl()).toBeLessThanOrEqual(10_000);
    await tooLate();
    expect(await limits.consume([ROOM])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 10_000 });
    expect(await ttl()).toBeLessThanOrEqual(10_000);
    // Only once: another call that is refused does not extend the window.
    await delay(20);
    const refusal = await limits.consume([ROOM]);
    expect(refusal.allowed || refusal.retryAfterMs).toBeLessThan(10_000);
  });

  it('is not waited for longer than its duration, by a peek and by a call that peeks first', async () => {
    const limits = newLimits();
    await drain(limits, ROOM);
    await tooLate();
    expect(await limits.peek([ROOM, ALICE])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 10_000 });
    expect(await ttl()).toBeGreaterThan(10_000);
    expect(await limits.consume([ROOM, ALICE])).toEqual({
      allowed: false,
      scope: 'room',
      retryAfterMs: 10_000,
    });
    expect(await ttl()).toBeLessThanOrEqual(10_000);
    expect(await drain(limits, ALICE)).toBe(4);
  });
});

describe('a call', () => {
  it('that is allowed is one command per bucket, sent together', async () => {
    const limits = newLimits();
    await consume(limits, ROOM, ALICE, BOB);
    const sent = await commandsOf(() => consume(limits, ROOM, ALICE, BOB));
    expect(sent).toEqual(['evalsha', 'evalsha', 'evalsha']);
  });

  it('is sent in one write with the other calls of its turn, and then releases the socket', async () => {
    const limits = newLimits();
    const { writableCorked } = redis.stream;
    const calls = [limits.consume([ROOM, ALICE, BOB]), limits.consume([ROOM])];
    expect(redis.stream.writableCorked).toBe(writableCorked + 1);
    const reply = redis.echo('from the host app');
    await new Promise((resolve) => process.nextTick(resolve));
    expect(redis.stream.writableCorked).toBe(writableCorked);
    expect(await reply).toBe('from the host app');
    expect(await countAllowed(calls)).toBe(2);
  });

  it('that is refused refunds what it consumed, and the next one peeks before it consumes', async () => {
    const limits = newLimits();
    expect(await drain(newLimits(), BOB)).toBe(2);
    const first = await commandsOf(() => limits.consume([ROOM, ALICE, BOB]));
    expect(first.filter((name) => name === 'srem')).toHaveLength(2);
    expect(await writeCommands()).toEqual(expect.arrayContaining(['sadd', 'srem']));
    // A peek writes nothing, so it never withholds a point from other calls, not even for a moment.
    expect(await commandsOf(() => limits.consume([ROOM, ALICE, BOB]))).toHaveLength(3);
    expect(await writeCommands()).toEqual([]);
  });

  it('is allowed as soon as any process has refunded a point', async () => {
    const [limits, other] = [newLimits(), newLimits()];
    const receipt = await consume(other, BOB);
    await consume(other, BOB);
    expect((await limits.consume([ROOM, BOB])).allowed).toBe(false);
    expect((await limits.consume([ROOM, BOB])).allowed).toBe(false);
    await other.refund(receipt);
    expect((await limits.consume([ROOM, BOB])).allowed).toBe(true);
  });

  it('returns the longest wait, when it consumes and when it peeks', async () => {
    const limits = newLimits();
    await drain(newLimits(), ROOM);
    await drain(newLimits(), ALICE);
    for (const _ of ['consumes', 'peeks']) {
      const decision = await limits.consume([ROOM, ALICE, BOB]);
      expect(decision).toMatchObject({ allowed: false, scope: 'inviter' });
      if (!decision.allowed) expect(decision.retryAfterMs).toBeGreaterThan(15_000);
    }
  });

  it('with an unknown scope is rejected, and consumes nothing', async () => {
    const limits = newLimits();
    const unknown = { scope: 'constructor', key: 'k' } as unknown as typeof ROOM;
    await expect(limits.consume([ROOM, unknown])).rejects.toThrow(TypeError);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('can have no buckets, or a bucket twice, and change its buckets afterwards', async () => {
    const limits = newLimits();
    await limits.refund(await consume(limits));
    const buckets = [ROOM, { ...ROOM }];
    const decision = limits.consume(buckets);
    buckets[0] = BOB;
    await decision;
    expect([await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([2, 2]);
  });
});

describe('a peek', () => {
  it('is one read command per bucket, sent together, whether a bucket is full or not', async () => {
    const limits = newLimits();
    await limits.peek([ROOM]);
    const allowed = await commandsOf(() => limits.peek([ROOM, ALICE, BOB]));
    expect(allowed).toEqual(['evalsha', 'evalsha', 'evalsha']);
    expect(await writeCommands()).toEqual([]);
    expect(await server.ttls()).toEqual(new Map());

    await drain(limits, BOB);
    const refused = await commandsOf(async () => {
      expect(await limits.peek([ROOM, ALICE, BOB])).toMatchObject({ allowed: false, scope: 'invitee' });
    });
    expect(refused).toEqual(['evalsha', 'evalsha', 'evalsha']);
    expect(await writeCommands()).toEqual([]);
  });

  it('that is refused never refuses a later call that has a point', async () => {
    const limits = newLimits();
    const receipt = await consume(limits, BOB);
    await consume(limits, BOB);
    expect((await limits.peek([ROOM, BOB])).allowed).toBe(false);
    await limits.refund(receipt);
    await consume(limits, ROOM, BOB);
    expect([await drain(limits, ROOM), await drain(limits, BOB)]).toEqual([2, 0]);
  });

  it('decides like consume for a key that never expires, and leaves its repair to consume', async () => {
    const limits = newLimits();
    expect(await drain(limits, ROOM)).toBe(3);
    await redis.persist('matrix-invite:room:!a:example.org');
    expect(await limits.peek([ROOM, ALICE])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 10_000 });
    expect((await server.ttls()).get('matrix-invite:room:!a:example.org')).toBe(-1);
    // One of the two buckets is known to be full: this call peeks before it consumes.
    expect(await limits.consume([ROOM, ALICE])).toMatchObject({ allowed: false, scope: 'room' });
    expect((await server.ttls()).get('matrix-invite:room:!a:example.org')).toBeGreaterThan(0);
  });

  it('is allowed without buckets and for a disabled scope, and rejects an unknown one', async () => {
    const limits = newLimits({ limits: { ...LIMITS, room: false } });
    expect(await commandsOf(() => limits.peek([]))).toEqual([]);
    expect(await limits.peek([])).toEqual({ allowed: true });
    expect(await limits.peek([ROOM])).toEqual({ allowed: true });
    const unknown = { scope: 'constructor', key: 'k' } as unknown as typeof ROOM;
    await expect(limits.peek([ALICE, unknown])).rejects.toThrow(TypeError);
  });
});

describe('a refund', () => {
  it('happens once, and only for a receipt of the same instance', async () => {
    const limits = newLimits();
    const receipt = await consume(limits, ROOM);
    await drain(limits, ROOM);
    const foreign = await consume(newLimits({ keyPrefix: 'other' }), ROOM);
    for (const other of [foreign, { ...receipt }, undefined, 'receipt']) await limits.refund(other as object);
    expect(await drain(limits, ROOM)).toBe(0);
    expect(await commandsOf(() => Promise.all(times(5, () => limits.refund(receipt))))).toEqual(['srem']);
    expect(await drain(limits, ROOM)).toBe(1);
  });

  it('that races the end of its window creates no extra point', async () => {
    const limits = newLimits({ limits: { room: { points: 2, durationSeconds: 1 } } });
    const rooms = times(40, (index) => ({ scope: 'room' as const, key: `!${index}:example.org` }));
    const receipts = await Promise.all(rooms.map((room) => consume(limits, room)));
    await delay(980);
    const allowed = await Promise.all(
      rooms.map(async (room, index) => {
        await delay(index);
        const [, first] = await Promise.all([limits.refund(receipts[index] ?? {}), limits.consume([room])]);
        if (!first.allowed) throw new Error('refused');
        return 1 + (await drain(limits, room));
      }),
    );
    // One point of the old window was consumed. Either it was refunded, or the window was over.
    expect(new Set(allowed)).toEqual(new Set([2]));
    for (const ttl of (await server.ttls()).values()) expect(ttl).toBeGreaterThan(0);
  });

  it('that runs twice, as when ioredis resends it, refunds once', async () => {
    const limits = newLimits();
    const sent: string[][] = [];
    const onCommand = (_time: string, [name = '', ...parameters]: string[]) => {
      if (name.toLowerCase() === 'srem') sent.push(parameters);
    };
    monitor.on('monitor', onCommand);
    const receipt = await consume(limits, ROOM);
    await drain(limits, ROOM);
    await limits.refund(receipt);
    await delay(20);
    monitor.off('monitor', onCommand);
    const [[key = '', call = ''] = []] = sent;
    expect(key).toBe('matrix-invite:room:!a:example.org');
    await redis.srem(key, call);
    expect(await drain(limits, ROOM)).toBe(1);
  });
});

describe('racing calls', () => {
  it('on overlapping buckets from several clients each consume from all of their buckets, or from none', async () => {
    const clients = times(4, () => new Redis(server.url));
    const limiters = clients.map((client) => newLimits({}, client));
    const other = { scope: 'room' as const, key: '!b:example.org' };
    const pairs = [
      [ROOM, ALICE],
      [ALICE, other],
      [other, ROOM],
    ];
    const calls = times(33, () => pairs).flat();
    const decisions = await Promise.all(
      calls.map((buckets, index) => (limiters[index % 4] ?? newLimits()).consume(buckets)),
    );
    const consumed = calls.filter((_, index) => decisions[index]?.allowed).flat();
    for (const [bucket, points] of [
      [ROOM, 3],
      [other, 3],
      [ALICE, 4],
    ] as const) {
      const left = await drain(newLimits(), bucket);
      expect(consumed.filter((each) => each === bucket).length + left).toBe(points);
    }
    for (const client of clients) client.disconnect();
  });
});
