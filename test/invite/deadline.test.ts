import type { CallContext, InvitePolicy, InviteRouterOptions, UserDirectory } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it, vi } from 'vitest';
import { ALICE, BOB, invite, invitesOf, limits, seedRoom, setUp } from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  deferred,
  type Interference,
  never,
  recordedLogger,
  refusalOf,
  serviceOn,
  timed,
  watched,
} from './support.ts';

const DEADLINE_MS = 100;

/** Replaces a function of an adapter. */
type Fault = <T>(context: CallContext) => Promise<T>;
/** Functions of adapters, the status that their failure leads to, and the options that replace them with `call`. */
const adapters: [name: string, status: number, options: (call: Fault) => Partial<InviteRouterOptions>][] = [
  ['auth', 503, (call) => ({ auth: { authenticate: (_request, context) => call(context) } })],
  [
    'session',
    503,
    (call) => ({
      auth: undefined,
      session: { authenticate: (_request, context) => call(context), allowedOrigins: [] },
    }),
  ],
  ['the attempt limit', 503, (call) => ({ rateLimit: limitsWith('attempt', call) })],
  ['readState', 503, (call) => storageWith({ readState: (_read, _count, _keys, context) => call(context) })],
  [
    'users.getAccountData',
    503,
    (call) => users({ getAccountData: (_userId, _type, context) => call(context) }),
  ],
  ['users.exists', 503, (call) => users({ exists: (_userId, context) => call(context) })],
  ['a policy', 403, (call) => ({ policies: [policy((context) => call(context))] })],
  ['the limits of an invite', 503, (call) => ({ rateLimit: limitsWith('room', call) })],
  [
    'appendEvent',
    503,
    (call) => storageWith({ appendEvent: (_append, _count, _event, context) => call(context) }),
  ],
];
const seeded = new MemoryStorage();
await seedRoom(seeded);

function storageWith(interference: Interference): Partial<InviteRouterOptions> {
  return { storage: around(seeded, interference) };
}

function users(directory: UserDirectory): Partial<InviteRouterOptions> {
  return { users: directory };
}

function policy(decide: (context: CallContext) => ReturnType<InvitePolicy['decide']>): InvitePolicy {
  return { name: 'test', decide: (_request, context) => decide(context) };
}

function limitsWith(scope: string, call: Fault): InviteRouterOptions['rateLimit'] {
  const limit = limits(100);
  return {
    consume: (buckets, context) =>
      buckets.some((bucket) => bucket.scope === scope) ? call(context) : limit.consume(buckets),
    refund: (receipt) => limit.refund(receipt as object),
  };
}

async function inviteWith(options: Partial<InviteRouterOptions>, token: string | null = 'alice-token') {
  const logger = recordedLogger();
  const { app } = setUp({ storage: seeded, deadlineMs: DEADLINE_MS, logger, ...options });
  const { value: response, milliseconds } = await timed(() => invite(app, { token }));
  return { response, milliseconds, logger };
}

const tokenFor = (name: string) => (name === 'session' ? null : 'alice-token');

describe('an adapter that hangs', () => {
  it.each(adapters)(
    'is abandoned at the deadline with its signal aborted: %s, %i',
    async (name, status, options) => {
      let context: CallContext | undefined;
      const hung: Fault = (received) => {
        context = received;
        expect(received.signal.aborted).toBe(false);
        return never();
      };
      const { response, milliseconds, logger } = await inviteWith(options(hung), tokenFor(name));
      expect(response.status).toBe(status);
      expect(response.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
      expect(milliseconds).toBeGreaterThan(DEADLINE_MS - 10);
      expect(milliseconds).toBeLessThan(20_000);
      expect(context?.signal.aborted).toBe(true);
      expect(logger.lines.map(({ level }) => level)).toContain(status === 503 ? 'warn' : 'error');
      expect(await invitesOf(seeded, BOB)).toBe(0);
    },
  );
});

describe('an adapter that rejects once its signal is aborted', () => {
  it.each(adapters)('leads to the same response: %s, %i', async (name, status, options) => {
    const obedient: Fault = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const { response } = await inviteWith(options(obedient), tokenFor(name));
    expect(response.status).toBe(status);
  });
});

describe('an adapter that throws synchronously', () => {
  it.each([
    ...adapters.map(([name, status, options]) => {
      // A plain error of a store does not say that it is temporary, so it counts as a bug.
      const isStore = name === 'readState' || name === 'appendEvent';
      return [name, isStore ? 500 : status, options] as const;
    }),
  ])('leads to the same response as one that rejects: %s, %i', async (name, status, options) => {
    const throwing: Fault = () => {
      throw new Error('thrown at once');
    };
    const rejecting: Fault = () => Promise.reject(new Error('rejected'));
    for (const fault of [throwing, rejecting]) {
      const { response, logger } = await inviteWith(options(fault), tokenFor(name));
      expect(response.status).toBe(status);
      expect(JSON.stringify(response.body)).not.toMatch(/thrown|rejected/);
      expect(logger.lines.at(0)?.details).toMatchObject({
        err: { message: expect.stringMatching(/^(thrown at once|rejected)$/) },
      });
    }
  });
});

describe('the deadline', () => {
  it('defaults to 5 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { service } = serviceOn({ storage: around(seeded, { readState: never }) });
      let isDone = false;
      const refused = refusalOf(service.invite(aliceInvitesBob)).finally(() => {
        isDone = true;
      });
      await vi.advanceTimersByTimeAsync(4_999);
      expect(isDone).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await refused).toMatchObject({ status: 503 });
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('starts once the body has arrived: slow authentication does not shorten it', async () => {
    const slowly = <T>(value: T) => new Promise<T>((resolve) => setTimeout(resolve, 70, value));
    const { app, store } = setUp({
      deadlineMs: DEADLINE_MS,
      auth: { authenticate: () => slowly({ requester: { userId: ALICE } }) },
      policies: [policy(() => slowly(undefined))],
    });
    await seedRoom(store);
    expect((await invite(app)).status).toBe(200);
  });

  it('covers all adapters together', async () => {
    const slowly = <T>(value: T) => new Promise<T>((resolve) => setTimeout(resolve, 70, value));
    const { response } = await inviteWith(
      users({ exists: () => slowly(true), getAccountData: () => slowly({}) }),
    );
    expect(response.status).toBe(503);
  });

  it('leaves no timer behind once the invite is done', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { service, store } = serviceOn();
      await seedRoom(store);
      await service.invite(aliceInvitesBob);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("the caller's own signal", () => {
  it('ends the wait early', async () => {
    const contexts: CallContext[] = [];
    const storage = around(seeded, {
      readState(_read, _count, _keys, context) {
        contexts.push(context);
        return never();
      },
    });
    const { service } = serviceOn({ storage });
    const caller = new AbortController();
    const refused = refusalOf(service.invite({ ...aliceInvitesBob, signal: caller.signal }));
    await vi.waitFor(() => expect(contexts).toHaveLength(1), { timeout: 20_000 });
    caller.abort();
    expect(await refused).toMatchObject({ status: 503 });
    expect(contexts[0]?.signal.aborted).toBe(true);
  });

  it('prevents every call to the store if it is already aborted', async () => {
    const storage = around(seeded);
    const { service } = serviceOn({ storage });
    await refusalOf(service.invite({ ...aliceInvitesBob, signal: AbortSignal.abort() }));
    expect(storage.calls).toEqual({ readState: 0, appendEvent: 0 });
  });

  it('has no listeners left once the invite is done', async () => {
    const { service, store } = serviceOn();
    await seedRoom(store);
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await service.invite({ ...aliceInvitesBob, signal });
    expect(added).toHaveBeenCalled();
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });
});

describe('the points of an invite that misses its deadline', () => {
  it('are refunded once a late consume resolves', async () => {
    const release = deferred();
    const inner = limits(1);
    const limit = watched({
      async consume(buckets) {
        await release.promise;
        return inner.consume(buckets);
      },
      refund: (receipt) => inner.refund(receipt as object),
    });
    const { service, store } = serviceOn({ rateLimit: limit, deadlineMs: 50 });
    await seedRoom(store);
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    expect(limit.refunded).toEqual([]);
    release.resolve();
    await vi.waitFor(() => expect(limit.refunded).toHaveLength(1), { timeout: 20_000 });
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'invited' });
  });

  it('are refunded even if the profile used up the remaining time', async () => {
    const limit = watched(limits(1));
    const exists = () => new Promise<boolean>((resolve) => setTimeout(resolve, 1_500, true));
    const { service, store } = serviceOn({
      rateLimit: limit,
      deadlineMs: 2_000,
      users: { exists, getProfile: () => never() },
    });
    await seedRoom(store);
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    await vi.waitFor(() => expect(limit.refunded).toHaveLength(1), { timeout: 20_000 });
  });
});

describe('a getProfile that hangs', () => {
  it('leaves time to send the invite without a profile', async () => {
    const { service, store } = serviceOn({ deadlineMs: 5_000, users: { getProfile: () => never() } });
    await seedRoom(store);
    await service.invite(aliceInvitesBob);
    expect(await invitesOf(store, BOB)).toBe(1);
  });
});
