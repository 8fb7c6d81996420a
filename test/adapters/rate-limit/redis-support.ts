import { describe, vi } from 'vitest';
import type { RedisClient, RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import type { RateLimitBucket, RateLimitDecision, RateLimitScope } from '../../../src/ports/rate-limit.ts';
import { rateLimitContract } from '../../../src/testing/index.ts';
import { Child } from '../../support/child.ts';
import { testContract } from '../../testing/support.ts';

/** A client that tests may end. */
export type TestClient = RedisClient & {
  disconnect(): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
};

export const ROOM: RateLimitBucket = { scope: 'room', key: '!a:example.org' };
export const ALICE: RateLimitBucket = { scope: 'inviter', key: '@alice:example.org' };
export const BOB: RateLimitBucket = { scope: 'invitee', key: '@bob:example.org' };

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

const POINTS = { attempt: 6, inviter: 4, room: 3, invitee: 2 };
const WINDOW_MS = 4_000;

/** The contract, on a server that all of its cases share. Windows are really waited for, by several cases at once. */
export function testRedisContract(what: string, newClient: () => TestClient): void {
  const limitOf = (scope: RateLimitScope) => ({ points: POINTS[scope], durationSeconds: WINDOW_MS / 1_000 });
  const createHarness = async () => {
    const clients: TestClient[] = [];
    const secondInstance = async () => {
      const client = newClient();
      clients.push(client);
      return new RedisRateLimit(client, {
        limits: {
          attempt: limitOf('attempt'),
          inviter: limitOf('inviter'),
          room: limitOf('room'),
          invitee: limitOf('invitee'),
        },
        // So that a slow machine is not answered from elsewhere than Redis.
        timeoutMs: 20_000,
        onStoreError: 'deny',
      });
    };
    return {
      limiter: await secondInstance(),
      points: POINTS,
      windowMs: { attempt: WINDOW_MS, inviter: WINDOW_MS, room: WINDOW_MS, invitee: WINDOW_MS },
      peek: true as const,
      secondInstance,
      async close() {
        for (const client of clients) client.disconnect();
      },
    };
  };
  // Most of the time of a case is waiting.
  vi.setConfig({ maxConcurrency: 16 });
  describe.concurrent('on a real server', () => testContract(what, rateLimitContract, createHarness));
}

/** A receipt, from a call that must be allowed. */
export async function take(limits: RedisRateLimit, ...buckets: RateLimitBucket[]): Promise<object> {
  const decision = await limits.consume(buckets);
  if (!decision.allowed) throw new Error(`refused by ${decision.scope}`);
  return decision.receipt;
}

/** How many points a bucket has left: all of them are used up. */
export async function drain(limits: RedisRateLimit, bucket: RateLimitBucket): Promise<number> {
  let taken = 0;
  while (taken < 1_000 && (await limits.consume([bucket])).allowed) taken += 1;
  return taken;
}

/** How many of racing calls were allowed. */
export async function countAllowed(calls: readonly Promise<RateLimitDecision>[]): Promise<number> {
  return (await Promise.all(calls)).filter(({ allowed }) => allowed).length;
}

/** A decision, and how long it took in milliseconds. */
export async function timed<T>(call: () => Promise<T>): Promise<{ answer: T; ms: number }> {
  const began = performance.now();
  const answer = await call();
  return { answer, ms: performance.now() - began };
}

/** A logger that keeps what it is told. */
export class Log {
  readonly lines: string[] = [];
  readonly logger: NonNullable<RedisRateLimitOptions['logger']> = {
    debug: (_, message) => this.lines.push(message),
    info: (_, message) => this.lines.push(message),
    warn: (_, message) => this.lines.push(message),
    error: (_, message) => this.lines.push(message),
  };
}

/** How many calls on one key eight processes were allowed that all begin at the same moment. */
export async function raceProcesses(
  kind: 'single' | 'cluster',
  ports: readonly number[],
  { points, callsOfEach }: { readonly points: number; readonly callsOfEach: number },
): Promise<number> {
  const parameters = [kind, ports.join(','), String(points), String(callsOfEach)];
  const children = times(8, () => new Child('redis-race.ts', ...parameters));
  try {
    await Promise.all(children.map((child) => child.hasPrinted(1)));
    const begin = Date.now() + 100;
    for (const child of children) child.process.stdin.write(`${begin}\n`);
    await Promise.all(children.map((child) => child.end()));
    return children.reduce((sum, { lines }) => sum + Number(lines[1]), 0);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
}
