import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createInviteCheckRouter,
  type InviteRouterOptions,
  MatrixError,
  type RateLimitAdapter,
  type RateLimitDecision,
  type RateLimitScope,
  type Requester,
  type RequestOutcome,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import supertest from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import { newApp } from '../frameworks/hosts/new-app.ts';
import {
  ALICE,
  BOB,
  CAROL,
  invite,
  invitesOf,
  MALLORY,
  PREFIX,
  ROOM,
  seedRoom,
  setUp,
  tokens,
} from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  deferred,
  type Interference,
  never,
  putMember,
  recordedLogger,
  refusalOf,
  refusingStore,
  serviceOn,
  watched,
} from './support.ts';

/** Creates a rate limit with one point for each of `scopes`, and many for the others. */
const onePointFor = (...scopes: RateLimitScope[]) => {
  const limit = (scope: RateLimitScope) => ({
    points: scopes.includes(scope) ? 1 : 1_000,
    durationSeconds: 60,
  });
  return new MemoryRateLimit({
    attempt: limit('attempt'),
    inviter: limit('inviter'),
    room: limit('room'),
    invitee: limit('invitee'),
  });
};

async function appWith(rateLimit: RateLimitAdapter | false, options: Partial<InviteRouterOptions> = {}) {
  const scopes: (RateLimitScope | undefined)[] = [];
  const logger = recordedLogger();
  const { app, store } = setUp({
    rateLimit,
    logger,
    onOutcome: ({ scope }) => scopes.push(scope),
    ...options,
  });
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return { app, store, scopes, logger };
}

const user = (index: number) => ({ user_id: `@user${index}:example.org` });

describe('an exceeded rate limit', () => {
  it.each(['attempt', 'inviter', 'room', 'invitee'] as const)(
    'leads to a 429 with the wait, and never with its scope: %s',
    async (scope) => {
      const { app, store, scopes } = await appWith(onePointFor(scope));
      expect((await invite(app)).status).toBe(200);
      await putMember(store, BOB, 'leave', BOB);
      const response = await invite(app);
      expect(response.status).toBe(429);
      expect(response.body).toEqual({
        errcode: 'M_LIMIT_EXCEEDED',
        error: 'Too many requests',
        retry_after_ms: expect.any(Number),
      });
      const { retry_after_ms } = response.body;
      expect(retry_after_ms).toBeGreaterThan(scope === 'invitee' ? 29_999 : 50_000);
      expect(retry_after_ms).toBeLessThanOrEqual(scope === 'invitee' ? 30_000 : 60_000);
      expect(response.headers['retry-after']).toBe(String(Math.ceil(retry_after_ms / 1000)));
      expect(response.text + JSON.stringify(response.headers)).not.toContain(scope);
      expect(scopes).toEqual([undefined, scope]);
      expect(await invitesOf(store, BOB)).toBe(1);
    },
  );

  it.each([
    [1, '1', 1],
    [999.5, '1', 1_000],
    [1_001, '2', 1_001],
    [0, '1', 1],
  ])('sends a wait of %d ms as Retry-After: %s', async (retryAfterMs, header, milliseconds) => {
    const refusing: RateLimitAdapter = {
      consume: async () => ({ allowed: false, scope: 'attempt', retryAfterMs }),
      refund: async () => {},
    };
    const { app } = await appWith(refusing);
    const response = await invite(app);
    expect(response.headers['retry-after']).toBe(header);
    expect(response.body.retry_after_ms).toBe(milliseconds);
  });

  it('allows invites again once its window ends', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    try {
      const { service, store } = serviceOn({ rateLimit: onePointFor('inviter') });
      await seedRoom(store);
      await service.invite(aliceInvitesBob);
      const next = { ...aliceInvitesBob, userId: CAROL };
      const { retryAfterMs } = await refusalOf(service.invite(next));
      expect(retryAfterMs).toBe(60_000);
      await vi.advanceTimersByTimeAsync(59_000);
      expect(await refusalOf(service.invite(next))).toMatchObject({ status: 429, retryAfterMs: 1_000 });
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await service.invite(next)).toMatchObject({ outcome: 'invited' });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the invitee limit', () => {
  /** A limit whose answer is always the same. */
  const refusing = (retryAfterMs: number): RateLimitAdapter => {
    const refusal = { allowed: false, scope: 'invitee', retryAfterMs } as const;
    return {
      consume: async ([bucket]) => (bucket?.scope === 'attempt' ? { allowed: true, receipt: {} } : refusal),
      refund: async () => {},
      peek: async () => refusal,
    };
  };

  it.each([1, 999.5, 12_345, 30_000, 1_666_540, Number.POSITIVE_INFINITY])(
    "tells a caller nothing about other people's invites, whatever the wait is: %d ms",
    async (retryAfterMs) => {
      const outcomes: RequestOutcome[] = [];
      const { app } = await appWith(refusing(retryAfterMs), {
        onOutcome: (outcome) => outcomes.push(outcome),
      });
      const { headers, body } = await invite(app);
      expect(headers['retry-after']).toBe('30');
      expect(body).toEqual({
        errcode: 'M_LIMIT_EXCEEDED',
        error: 'Too many requests',
        retry_after_ms: 30_000,
      });
      const whole = Number.isFinite(retryAfterMs) ? Math.ceil(retryAfterMs) : 1_000;
      expect(outcomes).toMatchObject([{ scope: 'invitee', retryAfterMs: whole }]);
    },
  );

  it('tells it in a dry run only to those who may see the explanation', async () => {
    const explainTo = (requester: Requester) => requester.userId === CAROL;
    const store = new MemoryStorage();
    await seedRoom(store, { members: { [CAROL]: 'join' } });
    const app = newApp();
    const rateLimit = refusing(1_666_540);
    app.use(
      createInviteCheckRouter({
        serverName: 'example.org',
        storage: store,
        rateLimit,
        auth: tokens,
        explainTo,
      }),
    );
    const check = (token: string) =>
      supertest(app)
        .get(`/rooms/${encodeURIComponent(ROOM)}/invite/check`)
        .query({ invitee: BOB })
        .set('Authorization', `Bearer ${token}`);
    const told = {
      allowed: false,
      status: 429,
      errcode: 'M_LIMIT_EXCEEDED',
      error: 'Too many requests',
      retry_after_ms: 30_000,
    };
    expect((await check('alice-token')).body).toEqual(told);
    expect((await check('carol-token')).body).toEqual({
      ...told,
      explanation: { by: 'rateLimit', scope: 'invitee', retryAfterMs: 1_666_540 },
    });
  });

  it('has the same wait whenever its window began', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    try {
      const { service, store } = serviceOn({ rateLimit: onePointFor('invitee') });
      await seedRoom(store, { members: { [CAROL]: 'join' } });
      await service.invite({ ...aliceInvitesBob, requester: { userId: CAROL } });
      await putMember(store, BOB, 'leave', BOB);
      for (const _second of [10, 20, 30]) {
        await vi.advanceTimersByTimeAsync(10_000);
        expect((await refusalOf(service.invite(aliceInvitesBob))).retryAfterMs).toBe(30_000);
      }
      await vi.advanceTimersByTimeAsync(30_000);
      expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'invited' });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the attempt limit', () => {
  it('counts refused and malformed requests too, and is never refunded', async () => {
    const limit = watched(new MemoryRateLimit({ attempt: { points: 4, durationSeconds: 60 } }));
    const { app } = await appWith(limit);
    expect((await invite(app, { body: { user_id: CAROL } })).status).toBe(403);
    expect((await invite(app, { body: {} })).status).toBe(400);
    expect((await invite(app, { roomId: 'no-room-id' })).status).toBe(400);
    expect((await invite(app, { roomId: '!none:example.org' })).status).toBe(403);
    expect((await invite(app)).status).toBe(429);
    expect(limit.refunded).toEqual([]);
    expect(limit.consumed).toEqual(Array.from({ length: 5 }, () => [{ scope: 'attempt', key: ALICE }]));
  });

  it('is counted separately for each requester', async () => {
    const { app } = await appWith(onePointFor('attempt'));
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app)).status).toBe(429);
    expect((await invite(app, { token: 'carol-token', body: user(1) })).status).toBe(200);
  });

  it('does not count unauthenticated requests', async () => {
    const limit = watched(onePointFor());
    const { app } = await appWith(limit);
    expect((await invite(app, { token: 'unknown' })).status).toBe(401);
    expect((await invite(app, { token: null })).status).toBe(401);
    expect(limit.consumed).toEqual([]);
  });

  it('is consumed before the body is read: an endless body is refused immediately', async () => {
    const limit = watched(onePointFor('attempt'));
    const { app, store } = setUp({ rateLimit: limit });
    await seedRoom(store);
    await invite(app);
    const server: Server = app.listen(0);
    await once(server, 'listening');
    const request = httpRequest({
      port: (server.address() as AddressInfo).port,
      method: 'POST',
      path: `${PREFIX}/rooms/${encodeURIComponent(ROOM)}/invite`,
      headers: { authorization: 'Bearer alice-token', 'content-length': 1_000 },
    });
    try {
      request.write('{');
      // After ten seconds, it would be a 408.
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(429);
    } finally {
      request.on('error', () => {});
      request.destroy();
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('the cost of an invite', () => {
  const three = [
    { scope: 'inviter', key: ALICE },
    { scope: 'room', key: ROOM },
    { scope: 'invitee', key: BOB },
  ];

  it('is one point of inviter, room and invitee, consumed together', async () => {
    const limit = watched(onePointFor());
    const { app } = await appWith(limit);
    await invite(app);
    expect(limit.consumed).toEqual([[{ scope: 'attempt', key: ALICE }], three]);
    expect(limit.refunded).toEqual([]);
  });

  it.each<[string, Partial<InviteRouterOptions>, object, number]>([
    ['a refusal by the room', {}, { user_id: CAROL }, 403],
    ['an invitee who does not exist', { users: { exists: async () => false } }, user(1), 403],
    [
      'an invitee who blocks invites',
      { users: { getAccountData: async () => ({ default_action: 'block' }) } },
      user(1),
      403,
    ],
    ['an invitee of another server', {}, { user_id: '@bob:elsewhere.org' }, 403],
    [
      'a refusal by a policy',
      { policies: [{ name: 'no', decide: () => ({ message: 'No' }) }] },
      user(1),
      403,
    ],
    [
      'an outage of the store',
      { storage: around(new MemoryStorage(), { readState: never }), deadlineMs: 30 },
      user(1),
      503,
    ],
  ])('is nothing for %s', async (_case, options, body, status) => {
    const limit = watched(onePointFor('inviter', 'room', 'invitee'));
    const { app } = await appWith(limit, options);
    expect((await invite(app, { body })).status).toBe(status);
    expect(limit.consumed).toEqual([[{ scope: 'attempt', key: ALICE }]]);
  });

  it('is nothing if the invite is already pending', async () => {
    const limit = watched(onePointFor('inviter', 'room', 'invitee'));
    const { app } = await appWith(limit);
    for (const _time of [1, 2, 3]) expect((await invite(app)).status).toBe(200);
    expect(limit.consumed.filter(({ length }) => length === 3)).toEqual([three]);
    expect(limit.refunded).toEqual([]);
  });

  it('is the same for the inviter and the room if a policy drops the invite, but nothing for the invitee', async () => {
    const limit = watched(onePointFor('inviter'));
    const { app, store } = await appWith(limit, { policies: [{ name: 'drop', decide: () => 'drop' }] });
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app)).status).toBe(429);
    expect(limit.refunded).toEqual([]);
    expect(limit.consumed.flat().map(({ scope }) => scope)).not.toContain('invitee');
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('is refunded if the store refuses, and the response is the error of the store', async () => {
    const error = new MatrixError(413, 'M_TOO_LARGE', 'Too large when signed');
    const store = new MemoryStorage();
    await seedRoom(store);
    const storage = around(store, {
      appendEvent: async (append, count) => (count === 1 ? { outcome: 'refused', error } : append()),
    });
    const { app } = setUp({ storage, rateLimit: onePointFor('inviter', 'room', 'invitee') });
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([413, error.toJSON()]);
    expect((await invite(app)).status).toBe(200);
  });

  it.each<[string, Interference['appendEvent']]>([
    [
      'the store says that nothing was stored',
      () => Promise.reject(new StorageUnavailableError('full', { isNotStored: true })),
    ],
    [
      'the append turns out to be stale after the deadline',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 150));
        return { outcome: 'stale' };
      },
    ],
  ])('is refunded if an outage certainly stored nothing: %s', async (_case, appendEvent) => {
    const limit = watched(onePointFor('invitee'));
    const store = new MemoryStorage();
    await seedRoom(store);
    const { app } = setUp({ storage: around(store, { appendEvent }), rateLimit: limit, deadlineMs: 100 });
    expect((await invite(app)).status).toBe(503);
    await vi.waitFor(() => expect(limit.refunded).toHaveLength(1), { timeout: 20_000 });
  });

  it('is not consumed for an event that is too large', async () => {
    const limit = watched(onePointFor('inviter', 'room', 'invitee'));
    const { app } = await appWith(limit);
    expect((await invite(app, { body: { user_id: BOB, reason: 'x'.repeat(65_536) } })).status).toBe(413);
    expect(limit.consumed.flat().map(({ scope }) => scope)).toEqual(['attempt']);
    expect((await invite(app)).status).toBe(200);
  });

  it('is not consumed from the room by a user who is over their own limit', async () => {
    const limit = new MemoryRateLimit({
      inviter: { points: 1, durationSeconds: 60 },
      room: { points: 2, durationSeconds: 60 },
      invitee: false,
    });
    const { app } = await appWith(limit);
    expect((await invite(app, { body: user(0) })).status).toBe(200);
    for (const index of [1, 2, 3]) expect((await invite(app, { body: user(index) })).status).toBe(429);
    expect((await invite(app, { token: 'carol-token', body: user(4) })).status).toBe(200);
    expect((await invite(app, { token: 'carol-token', body: user(5) })).status).toBe(429);
  });

  it('is nothing for an exempt requester', async () => {
    const limit = watched(onePointFor('attempt', 'inviter', 'room', 'invitee'));
    const { app } = await appWith(limit, {
      auth: staticTokens({
        exempt: { userId: ALICE, isRateLimitExempt: true },
        'carol-token': { userId: CAROL, isRateLimitExempt: false },
      }),
    });
    for (const index of [1, 2, 3]) {
      expect((await invite(app, { token: 'exempt', body: user(index) })).status).toBe(200);
    }
    expect(limit.consumed).toEqual([]);
    expect((await invite(app, { token: 'carol-token', body: user(4) })).status).toBe(200);
    expect((await invite(app, { token: 'carol-token', body: user(5) })).status).toBe(429);
  });
});

describe('rateLimit: false', () => {
  it('counts nothing', async () => {
    const { app } = await appWith(false);
    for (let index = 0; index < 70; index += 1) {
      expect((await invite(app, { body: user(index) })).status).toBe(200);
    }
  });
});

describe('a rate limit that fails', () => {
  it.each(['attempt', 'inviter'])('leads to a 503, and nothing is appended: %s', async (scope) => {
    const inner = onePointFor();
    const failing: RateLimitAdapter = {
      consume: async (buckets) => {
        if (buckets[0]?.scope === scope) throw new Error('Redis is down');
        return inner.consume(buckets);
      },
      refund: (receipt) => inner.refund(receipt as object),
    };
    const { app, store, logger } = await appWith(failing);
    const response = await invite(app);
    expect([response.status, response.body.errcode, response.headers['retry-after']]).toEqual([
      503,
      'M_UNKNOWN',
      '1',
    ]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(logger.lines).toMatchObject([{ level: 'warn', details: { err: { message: 'Redis is down' } } }]);
  });

  it.each<[string, () => Promise<void>]>([
    ['rejects', () => Promise.reject(new Error('Redis is down'))],
    [
      'throws',
      () => {
        throw new Error('Redis is down');
      },
    ],
  ])('is only logged if its refund %s', async (_case, refund) => {
    const inner = onePointFor();
    const storage = await refusingStore();
    const logger = recordedLogger();
    const { app } = setUp({
      storage,
      logger,
      rateLimit: { consume: (buckets) => inner.consume(buckets), refund },
    });
    const response = await invite(app);
    expect(response.status).toBe(413);
    expect(logger.lines).toMatchObject([{ level: 'warn', details: { err: { message: 'Redis is down' } } }]);
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['a promise as allowed', () => ({ allowed: Promise.resolve(false), scope: 'inviter', retryAfterMs: 1 })],
    ['a promise as allowed that rejects', () => ({ allowed: Promise.reject(new Error('Redis is down')) })],
    ['a number of points as allowed', () => ({ allowed: 1 })],
    ['no allowed', () => ({ receipt: 'a receipt' })],
    ['a refusal without a wait', () => ({ allowed: false, scope: 'inviter' })],
    [
      'a refusal with a wait that is a string',
      () => ({ allowed: false, scope: 'inviter', retryAfterMs: '60' }),
    ],
    ['a refusal without a scope', () => ({ allowed: false, retryAfterMs: 1 })],
  ])('by the mistake of %s leads to a 500 that says so, and never allows', async (_, decisionOf) => {
    const logger = recordedLogger();
    const store = new MemoryStorage();
    await seedRoom(store);
    const decide = async () => decisionOf() as RateLimitDecision;
    const rateLimit: RateLimitAdapter = { consume: decide, peek: decide, refund: async () => {} };
    const { service } = serviceOn({ rateLimit, logger, storage: store });
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 500 });
    expect(await refusalOf(service.check(aliceInvitesBob))).toMatchObject({ status: 500 });
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(logger.lines).toMatchObject(
      ['consume', 'peek'].map((method) => ({
        level: 'error',
        details: {
          err: { name: 'TypeError', message: expect.stringContaining(`rateLimit.${method} must resolve to`) },
        },
      })),
    );
  });

  it('does not end the process by a promise in a decision that arrives after the deadline', async () => {
    const late = deferred<RateLimitDecision>();
    const { service, store } = serviceOn({
      rateLimit: { consume: () => late.promise, refund: async () => expect.fail('nothing was consumed') },
      deadlineMs: 20,
    });
    await seedRoom(store);
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    late.resolve({ allowed: Promise.reject(new Error('Redis is down')) } as unknown as RateLimitDecision);
    await service.close();
  });

  it('does not delay the response beyond the deadline if its refund hangs', async () => {
    const inner = onePointFor();
    const hung: RateLimitAdapter = { consume: (buckets) => inner.consume(buckets), refund: () => never() };
    const { app } = setUp({ storage: await refusingStore(), rateLimit: hung, deadlineMs: 100 });
    // The refund never ends, so any response is in time.
    const response = await invite(app);
    expect(response.status).toBe(413);
  });
});

describe('the last point of a limit', () => {
  it('goes to only one of two racing invites', async () => {
    const { app, store } = await appWith(onePointFor('invitee'));
    await seedRoom(store, { roomId: '!second:example.org', members: { [MALLORY]: 'join' } });
    const responses = await Promise.all([
      invite(app),
      invite(app, { token: 'mallory-token', roomId: '!second:example.org' }),
    ]);
    expect(responses.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 429]);
  });
});
