import type { InviteRouterOptions } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import supertest from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import {
  ALICE,
  BOB,
  CAROL,
  invite,
  invitesOf,
  limits,
  memberOf,
  PREFIX,
  seedRoom,
  setUp,
} from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  deferred,
  never,
  recordedLogger,
  refusalOf,
  refusingStore,
  serviceOn,
  timed,
} from './support.ts';

/** Creates an app whose appends wait for `release`. */
async function appWithWaitingAppends(options: Partial<InviteRouterOptions> = {}) {
  const release = deferred();
  const store = new MemoryStorage();
  await seedRoom(store);
  const storage = around(store, {
    async appendEvent(append) {
      await release.promise;
      return append();
    },
  });
  const logger = recordedLogger();
  const { app, router } = setUp({ storage, logger, ...options });
  const hasStarted = () => vi.waitFor(() => expect(storage.calls.appendEvent).toBe(1), { timeout: 20_000 });
  return { app, router, store, storage, logger, release, hasStarted };
}

describe('a closed router', () => {
  it('responds 503 to new requests without calling the host app', async () => {
    const calls: string[] = [];
    const { app, router, store } = setUp({
      logger: recordedLogger(),
      auth: {
        async authenticate() {
          calls.push('auth');
          return { requester: { userId: ALICE } };
        },
      },
    });
    await seedRoom(store);
    await router.close();
    const response = await invite(app);
    expect([response.status, response.body.errcode, response.headers['retry-after']]).toEqual([
      503,
      'M_UNKNOWN',
      '1',
    ]);
    expect(calls).toEqual([]);
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('still responds to preflights, and passes other paths on', async () => {
    const { app, router } = setUp({ logger: recordedLogger() });
    await router.close();
    expect((await supertest(app).options(`${PREFIX}/rooms/!a:b/invite`)).status).toBe(204);
    expect((await supertest(app).get('/')).status).toBe(404);
  });

  it('responds 503 to a request that has not reached its append', async () => {
    const login = deferred();
    let isCalled = false;
    const { app, router, store } = setUp({
      logger: recordedLogger(),
      auth: {
        async authenticate() {
          isCalled = true;
          await login.promise;
          return { requester: { userId: ALICE } };
        },
      },
    });
    await seedRoom(store);
    const response = invite(app);
    await vi.waitFor(() => expect(isCalled).toBe(true), { timeout: 20_000 });
    await router.close();
    login.resolve();
    expect((await response).status).toBe(503);
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('can be closed twice, even concurrently', async () => {
    const { app, router } = setUp({ logger: recordedLogger() });
    await Promise.all([router.close(), router.close()]);
    await router.close();
    expect((await invite(app)).status).toBe(503);
  });
});

describe('closing', () => {
  it('waits for an append that has started, whose request then succeeds', async () => {
    const { app, router, store, release, hasStarted, logger } = await appWithWaitingAppends();
    const response = invite(app);
    await hasStarted();
    const order: string[] = [];
    const closed = router.close().then(() => order.push('closed'));
    const late = await invite(app, { body: { user_id: CAROL } });
    order.push(`late ${late.status}`);
    release.resolve();
    await closed;
    expect(order).toEqual(['late 503', 'closed']);
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
    expect((await response).status).toBe(200);
    expect(logger.lines.filter(({ message }) => message.startsWith('Closed'))).toEqual([]);
  });

  it('waits for onInvite', async () => {
    const mail = deferred();
    const order: string[] = [];
    const { app, router, store } = setUp({
      async onInvite() {
        await mail.promise;
        order.push('notified');
      },
    });
    await seedRoom(store);
    expect((await invite(app)).status).toBe(200);
    const closed = router.close().then(() => order.push('closed'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(order).toEqual([]);
    mail.resolve();
    await closed;
    expect(order).toEqual(['notified', 'closed']);
  });

  it('waits for the onInvite call of an append that it waited for', async () => {
    const order: string[] = [];
    const { app, router, release, hasStarted } = await appWithWaitingAppends({
      async onInvite() {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push('notified');
      },
    });
    const response = invite(app);
    await hasStarted();
    const closed = router.close().then(() => order.push('closed'));
    release.resolve();
    await Promise.all([response, closed]);
    expect(order).toEqual(['notified', 'closed']);
  });

  it('waits for an append whose request has already ended with a 503', async () => {
    const { app, router, store, release } = await appWithWaitingAppends({ deadlineMs: 300 });
    const response = await invite(app);
    expect(response.status).toBe(503);
    const closed = router.close();
    release.resolve();
    await closed;
    expect(await invitesOf(store, BOB)).toBe(1);
  });

  it('waits for a refund in progress', async () => {
    const inner = limits(5);
    const order: string[] = [];
    const { service } = serviceOn({
      deadlineMs: 100,
      storage: await refusingStore(),
      rateLimit: {
        consume: (buckets) => inner.consume(buckets),
        async refund(receipt) {
          await new Promise((resolve) => setTimeout(resolve, 130));
          await inner.refund(receipt as object);
          order.push('refunded');
        },
      },
    });
    await refusalOf(service.invite(aliceInvitesBob));
    await service.close();
    expect(order).toEqual(['refunded']);
  });

  it.each(['appendEvent', 'onInvite'])('gives up at the deadline if %s hangs, and logs it', async (hung) => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const logger = recordedLogger();
    const { app, router } = setUp({
      storage: hung === 'appendEvent' ? around(store, { appendEvent: () => never() }) : store,
      onInvite: () => never(),
      logger,
      deadlineMs: 100,
    });
    await invite(app);
    const { milliseconds } = await timed(() => router.close());
    expect(milliseconds).toBeGreaterThan(90);
    expect(milliseconds).toBeLessThan(20_000);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'warn',
      message: 'Closed while an append or onInvite was still running',
    });
  });

  it("does not close the host app's own connections", async () => {
    const closed: string[] = [];
    const closing = {
      close: () => closed.push('close'),
      end: () => closed.push('end'),
      quit: () => closed.push('quit'),
    };
    const { app, router, store } = setUp({
      storage: Object.assign(new MemoryStorage(), closing),
      rateLimit: Object.assign(limits(5), closing),
    });
    await seedRoom(store);
    await invite(app);
    await router.close();
    expect(closed).toEqual([]);
    expect(await store.roomState('!room:example.org')).toBeDefined();
  });

  it('leaves no timer behind if nothing is running', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { service } = serviceOn();
      await service.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('makes further invites of a service reject with a 503', async () => {
    const { service, store } = serviceOn();
    await seedRoom(store);
    await service.close();
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 503,
      retryAfterMs: 1_000,
    });
  });
});
