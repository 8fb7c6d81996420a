import { inspect } from 'node:util';
import {
  type InviteNotice,
  type InviteRouterOptions,
  MatrixError,
  type RequestOutcome,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import supertest from 'supertest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defaultLogger } from '../../src/internal/logger.ts';
import {
  ALICE,
  BOB,
  CAROL,
  expectDescribed,
  invite,
  invitesOf,
  memberOf,
  PREFIX,
  ROOM,
  seedRoom,
  setUp,
} from '../http/support.ts';
import { aliceInvitesBob, around, deferred, never, recordedLogger, serviceOn } from './support.ts';

const PATH = `${PREFIX}/rooms/${encodeURIComponent(ROOM)}/invite`;

async function appWith(options: Partial<InviteRouterOptions> = {}) {
  const outcomes: RequestOutcome[] = [];
  const logger = recordedLogger();
  const { app, router, store } = setUp({
    logger,
    onOutcome: (outcome) => outcomes.push(outcome),
    ...options,
  });
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return { app, router, store, outcomes, logger };
}

describe('onInvite', () => {
  it('receives the event that was appended', async () => {
    const notices: InviteNotice[] = [];
    const { app, router, store } = await appWith({ onInvite: (notice) => notices.push(notice) });
    await invite(app, { body: { user_id: BOB, reason: 'Welcome' } });
    await router.close();
    const { event_id, ...event } = (await memberOf(store, BOB)) ?? {};
    expect(notices).toEqual([{ requester: { userId: ALICE }, event, eventId: event_id }]);
  });

  it('runs after the response and does not delay it', async () => {
    const order: string[] = [];
    const { app, router } = await appWith({
      onOutcome: () => order.push('responded'),
      onInvite() {
        order.push('notified');
        return never();
      },
      deadlineMs: 50,
    });
    expect((await invite(app)).status).toBe(200);
    await router.close();
    expect(order).toEqual(['responded', 'notified']);
  });

  it('runs after the invite of a service has resolved', async () => {
    const order: string[] = [];
    const { service, store } = serviceOn({ onInvite: () => order.push('notified') });
    await seedRoom(store);
    await service.invite(aliceInvitesBob);
    order.push('resolved');
    await service.close();
    expect(order).toEqual(['resolved', 'notified']);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mail is down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mail is down'))],
  ])('does not fail the invite if it %s, which is only logged', async (_case, onInvite) => {
    const { app, router, store, outcomes, logger } = await appWith({ onInvite });
    expect((await invite(app)).status).toBe(200);
    await router.close();
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(outcomes).toMatchObject([{ status: 200 }]);
    expect(logger.lines).toMatchObject([{ level: 'error', details: { err: { message: 'mail is down' } } }]);
  });

  it('is not called for a pending invite or a refusal', async () => {
    const notices: InviteNotice[] = [];
    const { app, router } = await appWith({ onInvite: (notice) => notices.push(notice) });
    await invite(app);
    await invite(app);
    await invite(app, { body: { user_id: CAROL } });
    await router.close();
    expect(notices).toHaveLength(1);
  });
});

describe('onOutcome', () => {
  it('is called as a method of the options', async () => {
    const names: unknown[] = [];
    const { app } = setUp({
      onOutcome(this: InviteRouterOptions) {
        names.push(this.serverName);
      },
    });
    await invite(app);
    expect(names).toEqual(['example.org']);
  });

  const ids = { requesterId: ALICE, roomId: ROOM };
  const cases: [
    name: string,
    options: Partial<InviteRouterOptions>,
    request: Parameters<typeof invite>[1],
    expected: Partial<RequestOutcome>,
  ][] = [
    ['an invite', {}, {}, { ...ids, status: 200, outcome: 'invited', tries: 1 }],
    [
      'a pending invite',
      {},
      { body: { user_id: '@pending:example.org' } },
      { ...ids, status: 200, outcome: 'alreadyInvited', tries: 1 },
    ],
    [
      'a dropped invite',
      { policies: [{ name: 'p', decide: () => 'drop' }] },
      {},
      { ...ids, status: 200, outcome: 'dropped', policy: 'p', tries: 1 },
    ],
    [
      'a refusal by the room',
      {},
      { body: { user_id: CAROL } },
      { ...ids, status: 403, errcode: 'M_FORBIDDEN', reason: 'inviteeJoined', tries: 1 },
    ],
    [
      'a refusal by the store',
      {
        storage: transactionalStorage({
          transact: (_roomId, work) => work(undefined),
          readState: () => Promise.reject(new MatrixError(403, 'M_FORBIDDEN', 'The room is archived')),
          insert: async () => ({ eventId: '$none' }),
        }),
      },
      {},
      { ...ids, status: 403, errcode: 'M_FORBIDDEN', isStorageRefusal: true, tries: 1 },
    ],
    [
      'an unknown room',
      {},
      { roomId: '!none:example.org' },
      {
        requesterId: ALICE,
        roomId: '!none:example.org',
        status: 403,
        errcode: 'M_FORBIDDEN',
        reason: 'roomUnknownOrInviterNotJoined',
        isRoomUnknown: true,
        tries: 1,
      },
    ],
    ['an unknown token', {}, { token: 'nobody' }, { status: 401, errcode: 'M_UNKNOWN_TOKEN', tries: 0 }],
    [
      'a body without a user',
      {},
      { body: {} },
      { requesterId: ALICE, status: 400, errcode: 'M_BAD_JSON', tries: 0 },
    ],
    [
      'an exceeded rate limit',
      {
        rateLimit: {
          consume: async () => ({ allowed: false, scope: 'invitee', retryAfterMs: 1_666_540 }),
          refund: async () => {},
        },
      },
      {},
      {
        requesterId: ALICE,
        status: 429,
        errcode: 'M_LIMIT_EXCEEDED',
        scope: 'invitee',
        retryAfterMs: 1_666_540,
        tries: 0,
      },
    ],
    [
      'an outage',
      {
        storage: around(new MemoryStorage(), {
          readState: () => Promise.reject(new StorageUnavailableError('down')),
        }),
      },
      {},
      { ...ids, status: 503, errcode: 'M_UNKNOWN', tries: 1, failedCall: 'readState' },
    ],
    [
      'a bug in the storage',
      { storage: around(new MemoryStorage(), { readState: () => Promise.reject(new Error('fault')) }) },
      {},
      { ...ids, status: 500, errcode: 'M_UNKNOWN', tries: 1, failedCall: 'readState' },
    ],
  ];

  it.each(cases)('is called once for %s', async (_case, options, request, expected) => {
    const { app, store, outcomes } = await appWith(options);
    await store.putState({
      room_id: ROOM,
      type: 'm.room.member',
      state_key: '@pending:example.org',
      sender: ALICE,
      origin_server_ts: 1,
      content: { membership: 'invite' },
    });
    const response = await invite(app, request);
    expect(outcomes).toEqual([{ ...expected, durationMs: expect.any(Number) }]);
    expect(outcomes[0]?.status).toBe(response.status);
    expect(outcomes[0]?.durationMs).toBeGreaterThan(0);
    expect(outcomes[0]?.durationMs).toBeLessThan(5_000);
  });

  it.each(['get', 'put', 'delete', 'patch'] as const)('is called once for a 405: %s', async (method) => {
    const { app, outcomes } = await appWith();
    const response = await supertest(app)[method](PATH);
    expectDescribed(response);
    expect(outcomes).toEqual([
      { status: 405, errcode: 'M_UNRECOGNIZED', tries: 0, durationMs: expect.any(Number) },
    ]);
  });

  it('is called once for a path that cannot be decoded', async () => {
    const { app, outcomes } = await appWith();
    expect((await supertest(app).post(`${PREFIX}/rooms/%zz/invite`)).status).toBe(400);
    expect(outcomes).toMatchObject([{ status: 400, errcode: 'M_INVALID_PARAM' }]);
  });

  it('is not called for preflights or for other paths', async () => {
    const { app, outcomes } = await appWith();
    expect((await supertest(app).options(PATH)).status).toBe(204);
    expect((await supertest(app).post(`${PREFIX}/createRoom`)).status).toBe(404);
    expect(outcomes).toEqual([]);
  });

  it('also receives the request', async () => {
    const traces: (string | undefined)[] = [];
    const { app } = await appWith({
      onOutcome: (_outcome, { headers }) => traces.push(headers['x-trace']?.toString()),
    });
    await supertest(app).post(PATH).set('x-trace', 'abc');
    expect(traces).toEqual(['abc']);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('metrics are down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('metrics are down'))],
  ])('does not affect the response if it %s', async (_case, onOutcome) => {
    const { app, logger } = await appWith({ onOutcome });
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app, { token: null })).status).toBe(401);
    expect(logger.lines).toMatchObject(
      Array.from({ length: 2 }, () => ({
        level: 'error',
        details: { err: { message: 'metrics are down' } },
      })),
    );
  });
});

describe('the logger', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('defaults to the console, silent below warn', async () => {
    const methods = ['debug', 'info', 'log', 'warn', 'error'] as const;
    const printed: string[] = [];
    for (const method of methods) {
      vi.spyOn(console, method).mockImplementation((...args) => {
        printed.push(`${method} ${args[0]}`);
      });
    }
    const { app } = await appWith({ logger: undefined });
    await invite(app);
    await invite(app, { token: null });
    await invite(app, { body: { user_id: CAROL } });
    defaultLogger.debug({}, 'below warn');
    defaultLogger.info({}, 'below warn');
    expect(printed).toEqual([]);
    const broken = await appWith({
      logger: undefined,
      policies: [{ name: 'faulty', decide: () => Promise.reject(new Error('x')) }],
    });
    await invite(broken.app);
    const down = await appWith({
      logger: undefined,
      users: { exists: () => Promise.reject(new Error('x')) },
    });
    await invite(down.app);
    expect(printed).toEqual([
      'error express-matrix-invite: Responded 403 to an invite',
      'warn express-matrix-invite: Responded 503 to an invite',
    ]);
  });

  it('never receives a token, a reason or a body, whatever fails', async () => {
    const fault = () => Promise.reject(new Error('fault'));
    const down = () => Promise.reject(new StorageUnavailableError('down'));
    const sync = () => {
      throw new Error('fault at once');
    };
    const failing: Partial<InviteRouterOptions>[] = [];
    for (const fail of [fault, down, sync, never<never>]) {
      failing.push(
        { auth: { authenticate: fail } },
        { session: { authenticate: fail, allowedOrigins: [] } },
        { rateLimit: { consume: fail, refund: fail } },
        { storage: around(new MemoryStorage(), { readState: fail }) },
        { users: { exists: fail } },
        { users: { getProfile: fail } },
        { users: { getAccountData: fail } },
        { policies: [{ name: 'p', decide: fail }] },
        { policies: [{ name: 'p', stateKeys: sync, decide: fail }] },
        { onInvite: fail },
        { onOutcome: fail },
      );
      const store = new MemoryStorage();
      await seedRoom(store);
      failing.push({ storage: around(store, { appendEvent: fail }) });
    }
    const lines: string[] = [];
    for (const options of failing) {
      const { app, router, store, logger } = await appWith({ deadlineMs: 25, ...options });
      await store.putState({
        room_id: ROOM,
        type: 'm.room.power_levels',
        state_key: '',
        sender: ALICE,
        origin_server_ts: 1,
        content: { invite: 0 },
      });
      const secretBody = { user_id: BOB, reason: 'secret-reason', note: 'secret-note' };
      await supertest(app).post(PATH).set('Authorization', 'Bearer alice-token').send(secretBody);
      await supertest(app).post(`${PATH}?access_token=secret-token`).send(secretBody);
      await supertest(app)
        .post(PATH)
        .set('Authorization', 'Bearer alice-token')
        .type('json')
        .send('{"secret-broken');
      await supertest(app)
        .post(PATH)
        .set('Authorization', 'Bearer alice-token')
        .set('Content-Encoding', 'gzip')
        .send('secret-gzip');
      await router.close();
      lines.push(...logger.lines.map((line) => inspect(line, { depth: Infinity, showHidden: true })));
    }
    expect(lines.length).toBeGreaterThan(failing.length);
    for (const line of lines) expect(line).not.toMatch(/alice-token|secret/);
  });
});

describe('a response', () => {
  it('is not delayed by the slow append of another request', async () => {
    const release = deferred();
    const store = new MemoryStorage();
    await seedRoom(store);
    const storage = around(store, {
      async appendEvent(append, count) {
        if (count === 1) await release.promise;
        return append();
      },
    });
    const { app } = setUp({ storage });
    const slow = invite(app);
    await vi.waitFor(() => expect(storage.calls.appendEvent).toBe(1), { timeout: 20_000 });
    expect((await invite(app, { body: { user_id: CAROL } })).status).toBe(200);
    release.resolve();
    expect((await slow).status).toBe(200);
  });
});
