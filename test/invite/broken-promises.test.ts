import { type AppendResult, type InviteTrace, StorageUnavailableError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { afterEach, describe, expect, it } from 'vitest';
import { BOB, invitesOf, limits, seedRoom } from '../http/support.ts';
import { aliceInvitesBob, around, refusalOf, serviceOn, watched } from './support.ts';

async function seededStore(): Promise<MemoryStorage> {
  const store = new MemoryStorage();
  await seedRoom(store);
  return store;
}

/** Resolves what the type of `appendEvent` rules out, as a host in JavaScript might. */
const resolves = (result: unknown) => async () => result as AppendResult;

describe('a store that refuses with', () => {
  it.each([
    ['an outage', new StorageUnavailableError('down'), 503],
    ['an error with a status', Object.assign(new Error('none'), { status: 404 }), 500],
    ['a plain object', { status: 403, errcode: 'M_FORBIDDEN', message: 'No' }, 500],
    ['nothing', undefined, 500],
  ])('%s instead of a MatrixError is a failure, and consumes no points', async (_case, error, status) => {
    const storage = around(await seededStore(), { appendEvent: resolves({ outcome: 'refused', error }) });
    const rateLimit = watched(limits(5));
    const { service } = serviceOn({ storage, rateLimit });
    expect((await refusalOf(service.invite(aliceInvitesBob))).status).toBe(status);
    expect(rateLimit.refunded).toHaveLength(1);
  });
});

describe('a store with an outcome of its own', () => {
  it('is asked again, and the invite is stored once', async () => {
    const store = await seededStore();
    const storage = around(store, {
      appendEvent: (append, count) => (count === 1 ? resolves({ outcome: 'retry' })() : append()),
    });
    const { service } = serviceOn({ storage });
    await expect(service.invite(aliceInvitesBob)).resolves.toMatchObject({ outcome: 'invited' });
    expect(storage.calls.appendEvent).toBe(2);
    expect(await invitesOf(store, BOB)).toBe(1);
  });
});

describe('a rate limit whose peek resolves null', () => {
  it('does not count as permission in a dry run', async () => {
    const rateLimit = { ...watched(limits(5)), peek: async () => null as never };
    const { service } = serviceOn({ storage: await seededStore(), rateLimit });
    expect((await refusalOf(service.check(aliceInvitesBob))).status).toBe(500);
  });
});

describe('a policy with very many state keys', () => {
  it('is asked like any other', async () => {
    const stateKeys = Array.from({ length: 200_000 }, (_, index) => ({
      type: 'org.example.note',
      state_key: `${index}`,
    }));
    const policies = [{ name: 'many', stateKeys, decide: () => undefined }];
    const { service } = serviceOn({ storage: await seededStore(), policies });
    await expect(service.invite(aliceInvitesBob)).resolves.toMatchObject({ outcome: 'invited' });
  });
});

describe('a polluted Object.prototype', () => {
  const polluted = Object.prototype as Record<string, unknown>;

  afterEach(() => {
    for (const name of ['kind', 'explanation', 'resend', 'error']) delete polluted[name];
  });

  it.each([
    ['kind', 'invited'],
    ['kind', 'drop'],
    ['explanation', { by: 'nothing' }],
    ['error', new Error('polluted')],
  ])('with %s %j decides nothing', async (name, value) => {
    const store = await seededStore();
    const { service } = serviceOn({ storage: store });
    polluted[name] = value;
    const result = await service.invite(aliceInvitesBob);
    delete polluted[name];
    expect(result).toMatchObject({ outcome: 'invited', eventId: expect.any(String) });
    expect(await invitesOf(store, BOB)).toBe(1);
  });

  it('with resend leaves a pending invite pending in a dry run', async () => {
    const { service } = serviceOn({ storage: await seededStore() });
    await service.invite(aliceInvitesBob);
    polluted.resend = true;
    expect((await service.check(aliceInvitesBob)).explanation).toEqual({ by: 'pending' });
  });
});

describe('the trace', () => {
  const dropping = [{ name: 'spam', decide: () => 'drop' as const }];

  it('names the policy that drops, even if a limit then refuses', async () => {
    const trace: InviteTrace = { tries: 0 };
    const { service } = serviceOn({
      storage: await seededStore(),
      policies: dropping,
      rateLimit: {
        consume: async () => ({ allowed: false, scope: 'room', retryAfterMs: 5 }),
        refund: async () => {},
      },
    });
    expect((await refusalOf(service.invite(aliceInvitesBob, trace))).status).toBe(429);
    expect(trace).toEqual({ tries: 1, policy: 'spam', scope: 'room', retryAfterMs: 5 });
  });

  it('counts no try that the deadline has prevented', async () => {
    for (let round = 0; round < 20; round += 1) {
      const storage = around(await seededStore(), { appendEvent: resolves({ outcome: 'stale' }) });
      const controller = new AbortController();
      const trace: InviteTrace = { tries: 0 };
      const { service } = serviceOn({ storage });
      const invite = service.invite({ ...aliceInvitesBob, signal: controller.signal }, trace);
      setTimeout(() => controller.abort(), round);
      expect((await refusalOf(invite)).status).toBe(503);
      expect(trace.tries).toBe(storage.calls.readState);
    }
  });
});

describe('a dry run of an invite that is too large and would be dropped', () => {
  it('says that the size decides, as it does in an invite', async () => {
    const { service } = serviceOn({
      storage: await seededStore(),
      policies: [{ name: 'spam', decide: () => 'drop' as const }],
    });
    const tooLarge = { ...aliceInvitesBob, reason: 'x'.repeat(70_000) };
    expect((await service.check(tooLarge)).explanation).toEqual({ by: 'size' });
    expect((await refusalOf(service.invite(tooLarge))).status).toBe(413);
  });
});
