import {
  type AppendResult,
  type InviteNotice,
  type InviteServiceOptions,
  MatrixError,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it, vi } from 'vitest';
import { ALICE, BOB, invitesOf, limits, memberOf, seedRoom } from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  deferred,
  type Interference,
  never,
  putMember,
  refusalOf,
  serviceOn,
  timed,
  watched,
} from './support.ts';

const gone = () => new StorageUnavailableError('The connection went during the commit');

async function setUp(
  interfere: (store: MemoryStorage) => Interference,
  deadlineMs = 5_000,
  options: Partial<InviteServiceOptions> = {},
) {
  const store = new MemoryStorage();
  await seedRoom(store);
  const storage = around(store, interfere(store));
  const limit = watched(limits(5));
  const notices: InviteNotice[] = [];
  const { service } = serviceOn({
    storage,
    rateLimit: limit,
    deadlineMs,
    onInvite: (invite) => notices.push(invite),
    ...options,
  });
  return { store, storage, limit, notices, service };
}

describe('an append with an unknown outcome', () => {
  it('counts as the invite if the event is found afterwards: one event, one onInvite call, no refund', async () => {
    const { store, storage, limit, notices, service } = await setUp(() => ({
      async appendEvent(append, count) {
        const result = await append();
        if (count === 1) throw gone();
        return result;
      },
    }));
    const member = async () => memberOf(store, BOB);
    const result = await service.invite({ ...aliceInvitesBob, reason: 'Welcome' });
    expect(result).toEqual({ outcome: 'invited', eventId: (await member())?.event_id });
    await service.close();
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(storage.calls).toEqual({ readState: 2, appendEvent: 1 });
    expect(notices).toMatchObject([
      { eventId: (await member())?.event_id, event: { content: { reason: 'Welcome' } } },
    ]);
    expect(limit.refunded).toEqual([]);
  });

  it('is repeated if the event is not found', async () => {
    const { store, limit, notices, service } = await setUp(() => ({
      async appendEvent(append, count) {
        if (count === 1) throw gone();
        return append();
      },
    }));
    const trace = { tries: 0 };
    expect(await service.invite(aliceInvitesBob, trace)).toMatchObject({ outcome: 'invited' });
    await service.close();
    expect(trace.tries).toBe(2);
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(notices).toHaveLength(1);
    expect([limit.consumed.length, limit.refunded.length]).toEqual([1, 0]);
  });

  it('is recognized if the event is stored only after the second read', async () => {
    const late = deferred();
    const { store, notices, service } = await setUp(() => ({
      async appendEvent(append, count) {
        if (count === 1) {
          void late.promise.then(append);
          throw gone();
        }
        late.resolve();
        await late.promise;
        await new Promise((resolve) => setImmediate(resolve));
        return append();
      },
    }));
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'invited' });
    await service.close();
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(notices).toHaveLength(1);
  });

  it.each([
    ["another sender's event", '@carol:example.org', { membership: 'invite' }],
    ['an event with other content', ALICE, { membership: 'invite', reason: 'earlier' }],
  ])('is not mistaken for %s, which may have replaced it: a 503', async (_case, sender, content) => {
    const { store, storage, limit, notices, service } = await setUp((store) => ({
      async appendEvent() {
        const event = { room_id: aliceInvitesBob.roomId, type: 'm.room.member', state_key: BOB };
        await store.putState({ ...event, sender, origin_server_ts: 3, content });
        throw gone();
      },
    }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 503,
      cause: {
        message: 'It cannot be known whether the invite was stored',
        cause: { code: 'ERR_STORAGE_UNAVAILABLE' },
      },
    });
    await service.close();
    expect(storage.calls.appendEvent).toBe(1);
    expect(await invitesOf(store, BOB)).toBe(1);
    expect([notices, limit.refunded]).toEqual([[], []]);
  });

  it('is recognized by the event of any try, if the content varies between tries', async () => {
    let tries = 0;
    const kept: (() => Promise<unknown>)[] = [];
    const { store, notices, service } = await setUp(
      () => ({
        async appendEvent(append, count) {
          kept.push(append);
          // The first append is stored while the second one is under way, whose outcome is unknown too.
          if (count === 2) await kept[0]?.();
          throw gone();
        },
      }),
      5_000,
      {
        beforeAppend({ event }) {
          tries += 1;
          return { content: { ...event.content, 'org.example.try': tries } };
        },
      },
    );
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'invited' });
    await service.close();
    expect((await memberOf(store, BOB))?.content['org.example.try']).toBe(1);
    expect(notices).toMatchObject([{ event: { content: { 'org.example.try': 1 } } }]);
  });

  it('is stale if it commits only after the append of the next try', async () => {
    const late: (() => Promise<AppendResult>)[] = [];
    const { store, notices, service } = await setUp(() => ({
      async appendEvent(append, count) {
        if (count > 1) return append();
        late.push(append);
        throw gone();
      },
    }));
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'invited' });
    await putMember(store, BOB, 'leave', BOB);
    expect(await late[0]?.()).toEqual({ outcome: 'stale' });
    await service.close();
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(notices).toHaveLength(1);
  });

  const once = <T>(first: T, then: T) => {
    let calls = 0;
    return () => {
      calls += 1;
      return calls === 1 ? first : then;
    };
  };
  const vetoes = once<() => undefined>(
    () => undefined,
    () => {
      throw new MatrixError(403, 'M_FORBIDDEN', 'No');
    },
  );
  it.each<[string, Partial<InviteServiceOptions>]>([
    ['a policy refuses it', { policies: [{ name: 'p', decide: once(undefined, { message: 'No' }) }] }],
    ['a policy drops it', { policies: [{ name: 'p', decide: once(undefined, 'drop' as const) }] }],
    ['the invitee is gone', { users: { exists: once(Promise.resolve(true), Promise.resolve(false)) } }],
    ['beforeAppend vetoes it', { beforeAppend: () => vetoes()() }],
  ])('is a 503, not a refusal, if it may be stored yet and on the next try %s', async (_case, options) => {
    const { storage, limit, notices, service } = await setUp(
      () => ({ appendEvent: () => Promise.reject(gone()) }),
      5_000,
      options,
    );
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    await service.close();
    expect(storage.calls).toEqual({ readState: 2, appendEvent: 1 });
    expect([notices, limit.refunded]).toEqual([[], []]);
  });

  it('is a 503, not a refusal, if the store refuses the next append or read', async () => {
    const error = new MatrixError(403, 'M_FORBIDDEN', 'No');
    const refusals: Interference[] = [
      {
        appendEvent: async (_append, count) =>
          count === 1 ? Promise.reject(gone()) : { outcome: 'refused', error },
      },
      {
        readState: (read, count) => (count === 1 ? read() : Promise.reject(error)),
        appendEvent: () => Promise.reject(gone()),
      },
      {
        readState: (read, count) => (count === 1 ? read() : Promise.resolve(undefined)),
        appendEvent: () => Promise.reject(gone()),
      },
    ];
    for (const interference of refusals) {
      const { limit, service } = await setUp(() => interference);
      expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
      expect(limit.refunded).toEqual([]);
    }
  });

  it("is a 500 if it was the host's own mistake and the event is not found: it is not appended again", async () => {
    const fault = new TypeError('rows is undefined');
    const { store, storage, limit, service } = await setUp(() => ({
      appendEvent: () => Promise.reject(new StorageUnavailableError('failed', { cause: fault })),
    }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 500,
      cause: { cause: fault },
    });
    expect(storage.calls.appendEvent).toBe(1);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.refunded).toEqual([]);
  });

  it('leads to a 503 without a refund if the store stays down', async () => {
    const { limit, notices, service } = await setUp(() => ({
      readState: (read, count) => (count === 1 ? read() : Promise.reject(gone())),
      appendEvent: () => Promise.reject(gone()),
    }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 503,
      errcode: 'M_UNKNOWN',
      retryAfterMs: 1_000,
      cause: { code: 'ERR_STORAGE_UNAVAILABLE' },
    });
    await service.close();
    expect(limit.consumed).toHaveLength(1);
    expect(limit.refunded).toEqual([]);
    expect(notices).toEqual([]);
  });

  it('leads to a 503 after a bounded number of tries if no append succeeds', async () => {
    const { storage, limit, service } = await setUp(() => ({ appendEvent: () => Promise.reject(gone()) }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 503,
      cause: { message: 'The connection went during the commit' },
    });
    expect(storage.calls.appendEvent).toBe(10);
    expect(limit.refunded).toEqual([]);
  });

  it('is not refunded if every further append is stale', async () => {
    const { limit, service } = await setUp(() => ({
      appendEvent: async (_append, count) => (count === 1 ? Promise.reject(gone()) : { outcome: 'stale' }),
    }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    expect(limit.refunded).toEqual([]);
  });
});

describe('an append at the deadline', () => {
  it('leads to a 503 in time if it hangs; once it is stored, onInvite is called and nothing is refunded', async () => {
    const release = deferred();
    const { store, limit, notices, service } = await setUp(
      () => ({
        async appendEvent(append) {
          await release.promise;
          return append();
        },
      }),
      100,
    );
    const { value: error, milliseconds } = await timed(() => refusalOf(service.invite(aliceInvitesBob)));
    expect(error).toMatchObject({ status: 503, retryAfterMs: 1_000 });
    expect(milliseconds).toBeGreaterThan(90);
    expect(milliseconds).toBeLessThan(20_000);
    expect(notices).toEqual([]);
    release.resolve();
    await vi.waitFor(() => expect(notices).toHaveLength(1), { timeout: 20_000 });
    const eventId = (await memberOf(store, BOB))?.event_id;
    expect(notices).toMatchObject([{ requester: { userId: ALICE }, eventId, event: { state_key: BOB } }]);
    await service.close();
    expect(notices).toHaveLength(1);
    expect(limit.refunded).toEqual([]);
  });

  it.each([
    ['stale', async () => ({ outcome: 'stale' }) as const],
    ['a failure', () => Promise.reject(gone())],
  ])('leads to no onInvite call if it ends later as %s', async (_case, end) => {
    const release = deferred();
    const { notices, service } = await setUp(
      () => ({
        async appendEvent() {
          await release.promise;
          return end();
        },
      }),
      50,
    );
    await refusalOf(service.invite(aliceInvitesBob));
    release.resolve();
    await service.close();
    expect(notices).toEqual([]);
  });

  it('is refunded if it was stale and the next one has not started', async () => {
    const { storage, limit, service } = await setUp(
      (store) => ({
        readState: (read, count) => (count === 1 ? read() : never()),
        async appendEvent() {
          await putMember(store, BOB, 'leave');
          return { outcome: 'stale' };
        },
      }),
      50,
    );
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    expect(storage.calls.appendEvent).toBe(1);
    expect(limit.refunded).toHaveLength(1);
  });
});
