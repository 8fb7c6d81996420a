import { RedisRateLimit, type RedisRateLimitOptions } from 'express-matrix-invite/rate-limit/redis';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../servers/eventually.ts';
import { RedisServer } from '../../servers/redis-server.ts';
import { BOB, expectInvited, expectRefusal, invite, invitesOf, seedRoom, setUp, silent } from './support.ts';

const POINTS = 3;

let server: RedisServer;
let redis: Redis;

beforeEach(async () => {
  server = await RedisServer.start();
  redis = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 50 });
  redis.on('error', () => {});
});

afterEach(async () => {
  redis.disconnect();
  await server.close();
});

/** Creates an app with limits in Redis: three invites per scope, and more attempts than a test makes. */
async function createHost(onStoreError: RedisRateLimitOptions['onStoreError']) {
  const limit = { points: POINTS, durationSeconds: 60 };
  const rateLimit = new RedisRateLimit(redis, {
    limits: { attempt: { points: 1_000, durationSeconds: 60 }, inviter: limit, room: limit, invitee: limit },
    timeoutMs: 2_000,
    onStoreError,
    logger: silent,
  });
  const { app, store } = setUp({ rateLimit, logger: silent });
  await seedRoom(store);
  await eventually('the client is connected', async () => redis.status === 'ready');
  const guest = (index: number) => `@guest${index}:example.org`;
  return {
    store,
    guest,
    invites: (userId: string) => invite(app, { body: { user_id: userId } }),
    /** Returns the number of events in the room: two if nobody was invited. */
    events: async () => (await store.timeline('!room:example.org'))?.events.length,
  };
}

async function kill(): Promise<void> {
  await server.kill();
  await eventually('the client is disconnected', async () => redis.status !== 'ready');
}

async function restart(): Promise<void> {
  await server.startAgain();
  await eventually('the client is connected again', async () => redis.status === 'ready');
}

type InviteResponse = Awaited<ReturnType<typeof invite>>;

function expectUnavailable(response: InviteResponse): void {
  expectRefusal(response, 503, 'M_UNKNOWN');
  expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
}

describe('with onStoreError "deny"', () => {
  it('every invite gets a 503 while Redis is down, and a 200 once it is back', async () => {
    const host = await createHost('deny');
    expectInvited(await host.invites(host.guest(0)));
    await kill();
    for (const response of await Promise.all([host.invites(BOB), host.invites(host.guest(1))])) {
      expectUnavailable(response);
    }
    expect(await host.events()).toBe(3);

    await restart();
    expectInvited(await host.invites(BOB));
    expect(await invitesOf(host.store, BOB)).toBe(1);
    // Redis lost its counts, and this process counted nothing meanwhile.
    for (const index of [2, 3]) expectInvited(await host.invites(host.guest(index)));
    expect((await host.invites(host.guest(4))).status).toBe(429);
  });

  it('every invite gets a 503 while Redis hangs, and a 200 once it responds', async () => {
    const host = await createHost('deny');
    expectInvited(await host.invites(host.guest(0)));
    server.signal('SIGSTOP');
    expectUnavailable(await host.invites(BOB));
    expect(await host.events()).toBe(3);

    server.signal('SIGCONT');
    await eventually('Redis has caught up', async () => (await host.invites(BOB)).status === 200);
    expect(await invitesOf(host.store, BOB)).toBe(1);
    // The invites with a 503 cost nothing: two of three points are consumed.
    expectInvited(await host.invites(host.guest(1)));
    expect((await host.invites(host.guest(2))).status).toBe(429);
  });

  it('an invite gets a 503 and costs nothing if Redis can be read but not written to', async () => {
    const host = await createHost('deny');
    await server.admin((admin) => admin.config('SET', 'maxmemory', '1'));
    expectUnavailable(await host.invites(BOB));
    expect(await host.events()).toBe(2);
    await server.admin((admin) => admin.config('SET', 'maxmemory', '0'));
    expectInvited(await host.invites(BOB));
  });
});

describe('with onStoreError "allow"', () => {
  it('nothing is limited while Redis is down, and the limits apply again once it is back', async () => {
    const host = await createHost('allow');
    await kill();
    for (let index = 0; index < POINTS + 2; index += 1) expectInvited(await host.invites(host.guest(index)));
    expect(await host.events()).toBe(2 + POINTS + 2);

    await restart();
    for (let index = 10; index < 10 + POINTS; index += 1)
      expectInvited(await host.invites(host.guest(index)));
    expect((await host.invites(host.guest(20))).status).toBe(429);
  });
});

describe('with onStoreError "memory"', () => {
  it('this process counts while Redis is down, and Redis counts again once it is back', async () => {
    const host = await createHost('memory');
    await kill();
    for (let index = 0; index < POINTS; index += 1) expectInvited(await host.invites(host.guest(index)));
    const refused = await host.invites(host.guest(POINTS));
    expectRefusal(refused, 429, 'M_LIMIT_EXCEEDED', { retry_after_ms: expect.any(Number) });
    expect(await host.events()).toBe(2 + POINTS);

    await restart();
    for (let index = 10; index < 10 + POINTS; index += 1)
      expectInvited(await host.invites(host.guest(index)));
    expect((await host.invites(host.guest(20))).status).toBe(429);
  });
});
