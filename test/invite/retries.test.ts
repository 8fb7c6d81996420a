import { type InviteTrace, isMatrixError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, invite, invitesOf, limits, memberOf, seedRoom, setUp } from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  put,
  putMember,
  recordedLogger,
  refusalOf,
  serviceOn,
  watched,
} from './support.ts';

/** Starts an invite on a store that changes between the read and the first append. */
async function inviteWithChange(change: (store: MemoryStorage) => Promise<void>) {
  const store = new MemoryStorage();
  await seedRoom(store, {
    members: { [CAROL]: 'join' },
    powerLevels: { invite: 50, users: { [ALICE]: 50 } },
  });
  const storage = around(store, {
    async appendEvent(append, count) {
      if (count === 1) await change(store);
      return append();
    },
  });
  const limit = watched(limits(5));
  const trace: InviteTrace = { tries: 0 };
  const { service } = serviceOn({ storage, rateLimit: limit });
  return { store, storage, limit, trace, invited: service.invite(aliceInvitesBob, trace) };
}

describe('a room that changes during an invite', () => {
  it.each([
    [
      'the inviter is kicked',
      (store: MemoryStorage) => putMember(store, ALICE, 'leave', CAROL),
      'roomUnknownOrInviterNotJoined',
    ],
    ['the invitee is banned', (store: MemoryStorage) => putMember(store, BOB, 'ban'), 'inviteeBanned'],
    ['the invitee joins', (store: MemoryStorage) => putMember(store, BOB, 'join', BOB), 'inviteeJoined'],
    [
      "the inviter's power is lowered",
      (store: MemoryStorage) => put(store, 'm.room.power_levels', '', { invite: 50, users: { [ALICE]: 49 } }),
      'insufficientPower',
    ],
  ] as const)('is read and decided again: %s', async (_case, change, reason) => {
    const { store, limit, trace, invited } = await inviteWithChange(change);
    expect(await refusalOf(invited)).toMatchObject({ status: 403, errcode: 'M_FORBIDDEN' });
    expect(trace).toEqual({ tries: 2, reason });
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.consumed).toHaveLength(1);
    expect(limit.refunded).toHaveLength(1);
  });

  it('gets no second event if another user has invited the invitee meanwhile', async () => {
    const { store, storage, limit, trace, invited } = await inviteWithChange((store) =>
      putMember(store, BOB, 'invite', CAROL),
    );
    const pending = await invited;
    const member = await memberOf(store, BOB);
    expect(pending).toEqual({ outcome: 'alreadyInvited', eventId: member?.event_id });
    expect(member?.sender).toBe(CAROL);
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(storage.calls).toEqual({ readState: 2, appendEvent: 1 });
    expect(trace).toEqual({ tries: 2 });
    expect(limit.refunded).toHaveLength(1);
  });

  it('gets the invite on the second try, with the limits consumed once, if it is still allowed', async () => {
    const { store, storage, limit, trace, invited } = await inviteWithChange((store) =>
      putMember(store, BOB, 'knock', BOB),
    );
    expect(await invited).toMatchObject({ outcome: 'invited' });
    expect(await invitesOf(store, BOB)).toBe(1);
    expect(storage.calls).toEqual({ readState: 2, appendEvent: 2 });
    expect(trace).toEqual({ tries: 2 });
    expect([limit.consumed.length, limit.refunded.length]).toEqual([1, 0]);
  });

  it('needs no second try if only other state changes', async () => {
    const { trace, invited } = await inviteWithChange((store) =>
      put(store, 'm.room.topic', '', { topic: 'x' }),
    );
    expect(await invited).toMatchObject({ outcome: 'invited' });
    expect(trace.tries).toBe(1);
  });
});

describe('a room that changes before every append', () => {
  async function changingStore() {
    const store = new MemoryStorage();
    await seedRoom(store);
    const storage = around(store, {
      async appendEvent(append, count) {
        await putMember(store, BOB, count % 2 === 0 ? 'leave' : 'knock', BOB);
        return append();
      },
    });
    return { store, storage };
  }

  it('leads to a 503 after a bounded number of tries, with the limits refunded', async () => {
    const { store, storage } = await changingStore();
    const limit = watched(limits(1));
    const outcomes: number[] = [];
    const logger = recordedLogger();
    const { app } = setUp({
      storage,
      rateLimit: limit,
      logger,
      onOutcome: ({ tries }) => outcomes.push(tries),
    });
    for (const _time of [1, 2]) {
      const response = await invite(app);
      expect([response.status, response.body.errcode]).toEqual([503, 'M_UNKNOWN']);
      expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    expect(outcomes).toEqual([10, 10]);
    expect(logger.lines[0]).toMatchObject({
      level: 'warn',
      details: { err: { message: expect.stringContaining('changed') } },
    });
    expect(storage.calls).toEqual({ readState: 20, appendEvent: 20 });
    expect(await invitesOf(store, BOB)).toBe(0);
    // Besides the two points of the attempt limit.
    expect(limit.consumed.filter((buckets) => buckets.length === 3)).toHaveLength(2);
    expect(limit.refunded).toHaveLength(2);
  });

  it('gets the same number of tries with a trace that was used before', async () => {
    const { storage } = await changingStore();
    const { service } = serviceOn({ storage });
    const trace: InviteTrace = { tries: 0 };
    await refusalOf(service.invite(aliceInvitesBob, trace));
    await refusalOf(service.invite(aliceInvitesBob, trace));
    expect(storage.calls.appendEvent).toBe(20);
    expect(trace.tries).toBe(10);
  });

  it('leads to a 503 at the deadline if that comes first', async () => {
    const { store } = await changingStore();
    const storage = around(store, {
      async appendEvent() {
        await new Promise((resolve) => setTimeout(resolve, 30));
        return { outcome: 'stale' };
      },
    });
    const { service } = serviceOn({ storage, deadlineMs: 100 });
    const error = await refusalOf(service.invite(aliceInvitesBob));
    expect(isMatrixError(error) && error.status).toBe(503);
    expect(storage.calls.appendEvent).toBeLessThan(10);
  });
});
