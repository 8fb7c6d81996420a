import { type InviteNotice, StorageUnavailableError } from 'express-matrix-invite';
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

async function setUp(interfere: (store: MemoryStorage) => Interference, deadlineMs = 5_000) {
  const store = new MemoryStorage();
  await seedRoom(store);
  const storage = around(store, interfere(store));
  const limit = watched(limits(5));
  const told: InviteNotice[] = [];
  const { service } = serviceOn({
    storage,
    rateLimit: limit,
    deadlineMs,
    onInvite: (invite) => told.push(invite),
  });
  return { store, storage, limit, told, service };
}

describe('an append of which the store cannot say whether it is stored', () => {
  it('is an invite when it is found afterwards: one event, told once, paid for', async () => {
    const { store, storage, limit, told, service } = await setUp(() => ({
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
    expect(told).toMatchObject([
      { eventId: (await member())?.event_id, event: { content: { reason: 'Welcome' } } },
    ]);
    expect(limit.refunded).toEqual([]);
  });

  it('is made again when it is not found', async () => {
    const { store, limit, told, service } = await setUp(() => ({
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
    expect(told).toHaveLength(1);
    expect([limit.consumed.length, limit.refunded.length]).toEqual([1, 0]);
  });

  it('is recognised when it comes true only after the second look', async () => {
    const late = deferred();
    const { store, told, service } = await setUp(() => ({
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
    expect(told).toHaveLength(1);
  });

  it.each([
    ["another sender's", '@carol:example.org', { membership: 'invite' }],
    ['one with other content', ALICE, { membership: 'invite', reason: 'earlier' }],
  ])('is not taken for %s', async (_case, sender, content) => {
    const { store, told, service } = await setUp((store) => ({
      async appendEvent() {
        const event = { room_id: aliceInvitesBob.roomId, type: 'm.room.member', state_key: BOB };
        await store.putState({ ...event, sender, origin_server_ts: 3, content });
        throw gone();
      },
    }));
    expect(await service.invite(aliceInvitesBob)).toMatchObject({ outcome: 'alreadyInvited' });
    await service.close();
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(told).toEqual([]);
  });

  it('is answered 503 when the store stays down, and stays paid for', async () => {
    const { limit, told, service } = await setUp(() => ({
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
    expect(told).toEqual([]);
  });

  it('is answered 503 when no append ever goes through, after a bounded number', async () => {
    const { storage, limit, service } = await setUp(() => ({ appendEvent: () => Promise.reject(gone()) }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 503,
      cause: { message: 'The connection went during the commit' },
    });
    expect(storage.calls.appendEvent).toBe(10);
    expect(limit.refunded).toEqual([]);
  });

  it('stays paid for when a refusal of the store follows', async () => {
    const { limit, service } = await setUp(() => ({
      appendEvent: async (_append, count) => (count === 1 ? Promise.reject(gone()) : { outcome: 'stale' }),
    }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
    expect(limit.refunded).toEqual([]);
  });

  it('is judged anew when a ban has come over it: 403, paid for, untold', async () => {
    const { store, limit, told, service } = await setUp((store) => ({
      async appendEvent(append) {
        await append();
        await putMember(store, BOB, 'ban');
        throw gone();
      },
    }));
    expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({
      status: 403,
      errcode: 'M_FORBIDDEN',
      message: 'The user is banned from the room',
    });
    await service.close();
    expect(await invitesOf(store, BOB)).toBe(1);
    expect((await memberOf(store, BOB))?.content.membership).toBe('ban');
    expect(limit.refunded).toEqual([]);
    expect(told).toEqual([]);
  });
});

describe('an append that hangs beyond the deadline', () => {
  it('is answered 503 in time; once it is done, onInvite is told, and nothing is given back', async () => {
    const release = deferred();
    const { store, limit, told, service } = await setUp(
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
    expect(milliseconds).toBeLessThan(1_100);
    expect(told).toEqual([]);
    release.resolve();
    await vi.waitFor(() => expect(told).toHaveLength(1));
    const eventId = (await memberOf(store, BOB))?.event_id;
    expect(told).toMatchObject([{ requester: { userId: ALICE }, eventId, event: { state_key: BOB } }]);
    await service.close();
    expect(told).toHaveLength(1);
    expect(limit.refunded).toEqual([]);
  });

  it.each([
    ['stale', async () => ({ outcome: 'stale' }) as const],
    ['a failure', () => Promise.reject(gone())],
  ])('tells nobody when it ends as %s', async (_case, end) => {
    const release = deferred();
    const { told, service } = await setUp(
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
    expect(told).toEqual([]);
  });

  it('costs nothing where the deadline ends before the append has started', async () => {
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
