import { describe, vi } from 'vitest';
import type { RedisRateLimitOptions } from '../../../adapters/rate-limit/redis/index.ts';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import type { RateLimitBucket, RateLimitDecision, RateLimitScope } from '../../../src/ports/rate-limit.ts';
import { rateLimitContract } from '../../../src/testing/index.ts';
import { Child } from '../../support/child.ts';
import { ioredis6, isReady, libraries, type TestClient } from '../../support/redis-clients.ts';
import { testContract } from '../../testing/support.ts';

export const ROOM: RateLimitBucket = { scope: 'room', key: '!a:example.org' };
export const ALICE: RateLimitBucket = { scope: 'inviter', key: '@alice:example.org' };
export const BOB: RateLimitBucket = { scope: 'invitee', key: '@bob:example.org' };

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

const POINTS = { attempt: 6, inviter: 4, room: 3, invitee: 2 };
const WINDOW_MS = 6_000;

/**
 * Tests the contract on a server that all cases share. Cases wait for real windows to end, several at once.
 */
export function testRedisContract(what: string, newClient: () => TestClient): void {
  const limitOf = (scope: RateLimitScope) => ({ points: POINTS[scope], durationSeconds: WINDOW_MS / 1_000 });
  const createHarness = async () => {
    const clients: TestClient[] = [];
    const secondInstance = async () => {
      const client = newClient();
      clients.push(client);
      await connected(client);
      return new RedisRateLimit(client, {
        limits: {
          attempt: limitOf('attempt'),
          inviter: limitOf('inviter'),
          room: limitOf('room'),
          invitee: limitOf('invitee'),
        },
        // On a slow machine, decisions must still come from Redis.
        timeoutMs: 20_000,
        onStoreError: 'deny',
      });
    };
    return {
      limiter: await secondInstance(),
      points: POINTS,
      windowMs: { attempt: WINDOW_MS, inviter: WINDOW_MS, room: WINDOW_MS, invitee: WINDOW_MS },
      peek: true as const,
      consumeKeeping: true as const,
      secondInstance,
      async close() {
        for (const client of clients) client.disconnect();
      },
    };
  };
  // Cases spend most of their time waiting.
  vi.setConfig({ maxConcurrency: 16 });
  describe.concurrent('on a real server', () => testContract(what, rateLimitContract, createHarness));
}

/** Waits until a client is connected: a cluster, until it knows its nodes. */
export const connected = (client: TestClient) =>
  eventually('the client is connected', async () => isReady(client));

/** Returns the receipt of a call that must be allowed. */
export async function consume(limits: RedisRateLimit, ...buckets: RateLimitBucket[]): Promise<object> {
  const decision = await limits.consume(buckets);
  if (!decision.allowed) throw new Error(`refused by ${decision.scope}`);
  return decision.receipt;
}

/** Consumes all points of a bucket, and returns how many there were. */
export async function drain(limits: RedisRateLimit, bucket: RateLimitBucket): Promise<number> {
  let consumed = 0;
  while (consumed < 1_000 && (await limits.consume([bucket])).allowed) consumed += 1;
  return consumed;
}

/** Returns how many of the racing calls were allowed. */
export async function countAllowed(calls: readonly Promise<RateLimitDecision>[]): Promise<number> {
  return (await Promise.all(calls)).filter(({ allowed }) => allowed).length;
}

/** Returns the decision of a call, and its duration in milliseconds. */
export async function timed<T>(call: () => Promise<T>): Promise<{ decision: T; ms: number }> {
  const began = performance.now();
  const decision = await call();
  return { decision, ms: performance.now() - began };
}

/** A logger that records its messages. */
export class Log {
  readonly lines: string[] = [];
  readonly logger: NonNullable<RedisRateLimitOptions['logger']> = {
    debug: (_, message) => this.lines.push(message),
    info: (_, message) => this.lines.push(message),
    warn: (_, message) => this.lines.push(message),
    error: (_, message) => this.lines.push(message),
  };
}

/**
 * Starts eight processes that race on one key, with clients of all libraries, and returns how many calls they were allowed
 * together.
 */
export async function raceProcesses(
  kind: 'single' | 'cluster',
  urls: readonly string[],
  { points, callsOfEach }: { readonly points: number; readonly callsOfEach: number },
): Promise<number> {
  const parameters = [kind, urls.join(','), String(points), String(callsOfEach)];
  const children = times(8, (index) => {
    const { name } = libraries[index % libraries.length] ?? ioredis6;
    return new Child('redis-race.ts', name, ...parameters);
  });
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
