import { MatrixError, StorageUnavailableError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { BOB, CAROL, invite, invitesOf, limits, memberOf, seedRoom, setUp } from '../http/support.ts';
import { aliceInvitesBob, around, putMember, refusalOf, serviceOn, watched } from './support.ts';

const resend = { ...aliceInvitesBob, resend: true };

async function withPendingInvite(options: Parameters<typeof serviceOn>[0] = {}) {
  const store = new MemoryStorage();
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  await putMember(store, BOB, 'invite', CAROL);
  return { ...serviceOn({ storage: store, ...options }), store };
}

describe('a pending invite', () => {
  it('is sent again with resend: a second event becomes the current one', async () => {
    const { service, store } = await withPendingInvite();
    const before = await memberOf(store, BOB);
    const result = await service.invite({ ...resend, reason: 'Once more' });
    const after = await memberOf(store, BOB);
    expect(result).toEqual({ outcome: 'invited', eventId: after?.event_id });
    expect(after?.event_id).not.toBe(before?.event_id);
    expect(after).toMatchObject({
      sender: aliceInvitesBob.requester.userId,
      content: { reason: 'Once more' },
    });
    expect(await invitesOf(store, BOB)).toBe(2);
  });

  it('is left alone without resend, and over HTTP whatever the body says', async () => {
    const { service, store } = await withPendingInvite();
    expect((await service.invite(aliceInvitesBob)).outcome).toBe('alreadyInvited');
    const { app, store: other } = setUp();
    await seedRoom(other, { members: { [BOB]: 'invite' } });
    expect((await invite(app, { body: { user_id: BOB, resend: true } })).status).toBe(200);
    expect([await invitesOf(store, BOB), await invitesOf(other, BOB)]).toEqual([1, 1]);
  });

  it('is decided, and consumes the limits, like a new one if it is sent again', async () => {
    const limit = watched(limits(1));
    const { service, store } = await withPendingInvite({
      rateLimit: limit,
      policies: [{ name: 'p', decide: ({ reason }) => (reason ? { message: 'No' } : undefined) }],
      users: { exists: async () => true },
    });
    expect(await refusalOf(service.invite({ ...resend, reason: 'x' }))).toMatchObject({ message: 'No' });
    await service.invite(resend);
    expect((await refusalOf(service.invite(resend))).status).toBe(429);
    expect(await invitesOf(store, BOB)).toBe(2);
  });

  it('is not mistaken for its replacement, even if both are identical', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    await putMember(store, BOB, 'invite');
    const storage = around(store, {
      appendEvent(append, count) {
        if (count === 1) throw new StorageUnavailableError('nothing was stored, but who knows');
        return append();
      },
    });
    const { service } = serviceOn({ storage });
    const result = await service.invite(resend);
    expect(result).toEqual({ outcome: 'invited', eventId: (await memberOf(store, BOB))?.event_id });
    expect(await invitesOf(store, BOB)).toBe(2);
  });

  it('is sent again only once if the store reports an outage after storing the event', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    await putMember(store, BOB, 'invite');
    const storage = around(store, {
      async appendEvent(append, count) {
        await append();
        if (count === 1) throw new StorageUnavailableError('the connection went during the commit');
        throw new MatrixError(500, 'M_UNKNOWN', 'appended twice');
      },
    });
    const { service } = serviceOn({ storage });
    expect((await service.invite(resend)).outcome).toBe('invited');
    expect(await invitesOf(store, BOB)).toBe(2);
  });

  it('can be sent again by many requests at once: each of them gets an event', async () => {
    const { service, store } = await withPendingInvite();
    const results = await Promise.all(Array.from({ length: 5 }, () => service.invite(resend)));
    expect(new Set(results.map((result) => 'eventId' in result && result.eventId)).size).toBe(5);
    expect(await invitesOf(store, BOB)).toBe(6);
  });
});
