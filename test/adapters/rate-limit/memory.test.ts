import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryRateLimit, type RateLimits } from '../../../adapters/rate-limit/memory.ts';
import type { RateLimitBucket, RateLimitScope } from '../../../src/ports/rate-limit.ts';
import { rateLimitContract } from '../../../src/testing/index.ts';
import { testContract } from '../../testing/support.ts';

const ROOM: RateLimitBucket = { scope: 'room', key: '!a:example.org' };
const OTHER_ROOM: RateLimitBucket = { scope: 'room', key: '!b:example.org' };
const ALICE: RateLimitBucket = { scope: 'inviter', key: '@alice:example.org' };
const BOB: RateLimitBucket = { scope: 'invitee', key: '@bob:example.org' };

const LIMITS: RateLimits = {
  attempt: { points: 12, durationSeconds: 60 },
  inviter: { points: 4, durationSeconds: 20 },
  room: { points: 3, durationSeconds: 10 },
  invitee: { points: 2, durationSeconds: 1_667 },
};

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

testContract(
  'MemoryRateLimit',
  rateLimitContract,
  async () => ({
    limiter: new MemoryRateLimit(LIMITS),
    points: { attempt: 12, inviter: 4, room: 3, invitee: 2 },
    windowMs: { attempt: 60_000, inviter: 20_000, room: 10_000, invitee: 1_667_000 },
    peek: true as const,
    consumeKeeping: true as const,
    advance: async (ms) => {
      await vi.advanceTimersByTimeAsync(ms);
    },
  }),
  ['secondInstance'],
);

/** Returns the receipt of a call that must be allowed. */
async function consume(limits: MemoryRateLimit, ...buckets: RateLimitBucket[]): Promise<object> {
  const decision = await limits.consume(buckets);
  if (!decision.allowed) throw new Error(`refused by ${decision.scope}`);
  return decision.receipt;
}

/** Consumes all points of a bucket, and returns how many there were. */
async function drain(limits: MemoryRateLimit, bucket: RateLimitBucket): Promise<number> {
  let consumed = 0;
  while ((await limits.consume([bucket])).allowed) consumed += 1;
  return consumed;
}

/** Returns how many of the racing calls were allowed. */
async function race(limits: MemoryRateLimit, calls: readonly RateLimitBucket[][]): Promise<number> {
  const decisions = await Promise.all(calls.map((buckets) => limits.consume(buckets)));
  return decisions.filter(({ allowed }) => allowed).length;
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

describe('limits', () => {
  it('have defaults', async () => {
    const limits = new MemoryRateLimit();
    const scopes: RateLimitScope[] = ['attempt', 'inviter', 'room', 'invitee'];
    const points = [];
    for (const scope of scopes) points.push(await drain(limits, { scope, key: 'k' }));
    expect(points).toEqual([60, 10, 10, 5]);
    const [, , , wait] = await Promise.all(scopes.map((scope) => limits.consume([{ scope, key: 'k' }])));
    expect(wait).toEqual({ allowed: false, scope: 'invitee', retryAfterMs: 1_667_000 });
  });

  it.each([0, 0.5, 1.9, 2_147_484])('are rejected with a duration of %s seconds', (durationSeconds) => {
    expect(() => new MemoryRateLimit({ room: { points: 1, durationSeconds } })).toThrow(TypeError);
  });

  it('apply for the maximum duration', async () => {
    const limits = new MemoryRateLimit({ room: { points: 1, durationSeconds: 2_147_483 } });
    await consume(limits, ROOM);
    await vi.advanceTimersByTimeAsync(2_147_482_999);
    expect(await limits.consume([ROOM])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await consume(limits, ROOM);
  });

  it('do not count a disabled scope', async () => {
    const limits = new MemoryRateLimit({ ...LIMITS, room: false });
    expect(
      await race(
        limits,
        times(100, () => [ROOM]),
      ),
    ).toBe(100);
    expect(
      await race(
        limits,
        times(100, () => [ROOM, ALICE]),
      ),
    ).toBe(4);
  });

  it('allow a call without buckets', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await limits.refund(await consume(limits));
    await consume(limits);
  });

  it('are counted separately by each instance', async () => {
    await drain(new MemoryRateLimit(LIMITS), ROOM);
    expect(await drain(new MemoryRateLimit(LIMITS), ROOM)).toBe(3);
  });
});

describe('a refusal', () => {
  it('consumes no points of the other buckets, not even for a moment', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, BOB);
    const calls = times(50, (index) => (index % 2 ? [ROOM, ALICE, BOB] : [ROOM]));
    expect(await race(limits, calls)).toBe(3);
    expect(await drain(limits, ALICE)).toBe(4);
  });

  it('returns the longest wait', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, ALICE);
    await vi.advanceTimersByTimeAsync(15_000);
    await drain(limits, ROOM);
    const refusal = { allowed: false, scope: 'room', retryAfterMs: 10_000 };
    expect(await limits.consume([ALICE, ROOM, BOB])).toEqual(refusal);
    expect(await limits.consume([BOB, ROOM, ALICE])).toEqual(refusal);
  });

  it('counts its wait down to one millisecond', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, ROOM);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(await limits.consume([ROOM])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 1 });
    await vi.advanceTimersByTimeAsync(1);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('is not counted, even if there are many', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    await race(
      limits,
      times(100, () => [ROOM]),
    );
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(1);
  });
});

describe('racing calls', () => {
  it('get exactly the points of a key', async () => {
    expect(
      await race(
        new MemoryRateLimit(LIMITS),
        times(100, () => [ROOM]),
      ),
    ).toBe(3);
  });

  it('on overlapping buckets each consume from all of their buckets, or from none', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const pairs = [
      [ROOM, ALICE],
      [ALICE, OTHER_ROOM],
      [OTHER_ROOM, ROOM],
    ];
    const calls = times(33, () => pairs).flat();
    const decisions = await Promise.all(calls.map((buckets) => limits.consume(buckets)));
    const allowed = calls.filter((_, index) => decisions[index]?.allowed).flat();
    const left = [];
    for (const bucket of [ROOM, OTHER_ROOM, ALICE]) {
      const consumed = allowed.filter((each) => each === bucket).length;
      left.push(await drain(limits, bucket));
      expect(consumed + (left.at(-1) ?? 0)).toBe(bucket === ALICE ? 4 : 3);
    }
    // No pair that could have been allowed is left.
    expect(left.filter((points) => points > 0).length).toBeLessThan(2);
  });

  it('and racing refunds never get more points than there are', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    const [allowed] = await Promise.all([
      race(
        limits,
        times(50, () => [ROOM]),
      ),
      ...times(50, () => limits.refund(receipt)),
    ]);
    expect(allowed).toBe(2);
    expect(await drain(limits, ROOM)).toBe(1);
  });
});

describe('buckets', () => {
  it('are counted once if a call names them twice', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM, { ...ROOM }, ROOM);
    expect(await drain(limits, ROOM)).toBe(2);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(1);
  });

  it('of several scopes can have the same key', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const invitee: RateLimitBucket = { scope: 'invitee', key: ALICE.key };
    await consume(limits, ALICE, invitee);
    expect([await drain(limits, ALICE), await drain(limits, invitee)]).toEqual([3, 1]);
  });

  it('can change after the call', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const buckets = [ROOM];
    const decision = limits.consume(buckets);
    buckets[0] = OTHER_ROOM;
    await decision;
    expect([await drain(limits, ROOM), await drain(limits, OTHER_ROOM)]).toEqual([2, 3]);
  });

  it('can be frozen', async () => {
    await consume(new MemoryRateLimit(LIMITS), ...Object.freeze([Object.freeze({ ...ROOM })]));
  });

  it('of an unknown scope are rejected, and consume nothing', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const unknown = { scope: 'constructor', key: 'k' } as unknown as RateLimitBucket;
    await expect(limits.consume([ROOM, unknown])).rejects.toThrow(TypeError);
    expect(await drain(limits, ROOM)).toBe(3);
  });
});

describe('a failure', () => {
  it('does not stop other calls', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const failing = {
      scope: 'room',
      key: {
        toString() {
          throw new Error('no key');
        },
      },
    } as unknown as RateLimitBucket;
    const calls = [limits.consume([ROOM]), limits.consume([failing]), limits.consume([ROOM])];
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await drain(limits, ROOM)).toBe(1);
  });
});

describe('a peek', () => {
  it('leaves nothing behind, for unused keys and for used ones', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    for (const _ of times(5, () => 0)) expect(await limits.peek([ROOM, ALICE])).toEqual({ allowed: true });
    expect(vi.getTimerCount()).toBe(0);
    await consume(limits, ROOM);
    await limits.peek([ROOM, ALICE]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('returns nothing but a forecast', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, ROOM);
    await vi.advanceTimersByTimeAsync(4_000);
    const refusal = { allowed: false, scope: 'room', retryAfterMs: 6_000 };
    expect(await limits.peek([ALICE, ROOM, BOB])).toEqual(refusal);
    expect(await limits.peek([])).toEqual({ allowed: true });
  });

  it('ends a window by the clock and by its timer, as consume does', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, ROOM);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await limits.peek([ROOM])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 10_000 });
    vi.setSystemTime(Date.now() + 3_610_000);
    expect(await limits.peek([ROOM])).toEqual({ allowed: true });
  });

  it('is never refused by a disabled scope, and rejects an unknown one', async () => {
    const limits = new MemoryRateLimit({ ...LIMITS, room: false });
    await race(
      limits,
      times(20, () => [ROOM]),
    );
    expect(await limits.peek([ROOM])).toEqual({ allowed: true });
    const unknown = { scope: 'constructor', key: 'k' } as unknown as RateLimitBucket;
    await expect(limits.peek([ROOM, unknown])).rejects.toThrow(TypeError);
  });

  it('sees earlier calls as completed', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const calls = times(3, () => limits.consume([ROOM]));
    expect(await limits.peek([ROOM])).toMatchObject({ allowed: false });
    await Promise.all(calls);
  });
});

describe('a refund', () => {
  it('refunds every bucket of the call, and only once', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM, ALICE, BOB);
    await consume(limits, ROOM, ALICE, BOB);
    await Promise.all([limits.refund(receipt), limits.refund(receipt)]);
    await limits.refund(receipt);
    expect([await drain(limits, ROOM), await drain(limits, ALICE), await drain(limits, BOB)]).toEqual([
      2, 3, 1,
    ]);
  });

  it('does not extend the window', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    await vi.advanceTimersByTimeAsync(6_000);
    await limits.refund(receipt);
    await drain(limits, ROOM);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('still works in the last millisecond of the window', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    await drain(limits, ROOM);
    await vi.advanceTimersByTimeAsync(9_999);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(1);
  });

  it('creates no extra point once the window is over', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    await vi.advanceTimersByTimeAsync(10_000);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('creates no extra point if the window is over and its timer is late', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    vi.setSystemTime(Date.now() + 10_000);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('starts no window', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    vi.setSystemTime(Date.now() + 10_000);
    await limits.refund(receipt);
    await vi.advanceTimersByTimeAsync(5_000);
    await drain(limits, ROOM);
    expect(await limits.consume([ROOM])).toMatchObject({ retryAfterMs: 10_000 });
  });

  it('never refunds to a later window, not even to the next one of the shortest duration', async () => {
    const limits = new MemoryRateLimit({ room: { points: 2, durationSeconds: 1 } });
    const receipt = await consume(limits, ROOM);
    await vi.advanceTimersByTimeAsync(1_000);
    await consume(limits, ROOM);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(1);
  });

  it('finds its window after the clock has changed', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    await drain(limits, ROOM);
    vi.setSystemTime(Date.now() - 3_600_000);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(1);
  });

  it('never refunds to a later window after the clock was set back', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    vi.setSystemTime(Date.now() - 3_600_000);
    await vi.advanceTimersByTimeAsync(10_000);
    await consume(limits, ROOM);
    await limits.refund(receipt);
    expect(await drain(limits, ROOM)).toBe(2);
  });

  it('ignores the receipt of another instance, a copy, and anything that is not a receipt', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    const receipt = await consume(limits, ROOM);
    const foreign = await consume(new MemoryRateLimit(LIMITS), ROOM);
    for (const other of [foreign, { ...receipt }, undefined, 'receipt']) await limits.refund(other as object);
    expect(await drain(limits, ROOM)).toBe(2);
  });
});

describe('a window', () => {
  it('ends by the clock, even if its timer is late', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, ROOM);
    vi.setSystemTime(Date.now() + 10_000);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('ends by its timer if the clock was set back, and never returns a longer wait than its duration', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await drain(limits, ROOM);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await limits.consume([ROOM])).toEqual({ allowed: false, scope: 'room', retryAfterMs: 10_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await drain(limits, ROOM)).toBe(3);
  });

  it('leaves nothing behind', async () => {
    const limits = new MemoryRateLimit(LIMITS);
    await race(
      limits,
      times(100, (index) => [{ scope: 'room', key: `!${index}:example.org` }]),
    );
    expect(vi.getTimerCount()).toBe(100);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a process', () => {
  it('can exit, however long the windows are', async () => {
    vi.useRealTimers();
    const module = new URL('../../../adapters/rate-limit/memory.ts', import.meta.url);
    const script = `
      import { MemoryRateLimit } from '${module}';
      const { allowed } = await new MemoryRateLimit().consume([{ scope: 'invitee', key: '@bob:example.org' }]);
      console.log(allowed);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      { timeout: 25_000 },
    );
    expect(stdout).toBe('true\n');
  });
});
