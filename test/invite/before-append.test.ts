import { type InviteDraft, type InviteServiceOptions, MatrixError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, invite, invitesOf, limits, memberOf, ROOM, seedRoom, setUp } from '../http/support.ts';
import { around, never, put, recordedLogger, watched } from './support.ts';

type BeforeAppend = NonNullable<InviteServiceOptions['beforeAppend']>;

async function appWith(beforeAppend: unknown, options: Partial<InviteServiceOptions> = {}) {
  const logger = recordedLogger();
  const limit = watched(limits(5));
  const host = setUp({ beforeAppend: beforeAppend as BeforeAppend, logger, rateLimit: limit, ...options });
  await seedRoom(host.store);
  return { ...host, logger, limit };
}

describe('beforeAppend', () => {
  it('sees who invites, and the event as it would be', async () => {
    const drafts: InviteDraft[] = [];
    const { app, store } = await appWith(
      (draft: InviteDraft) => {
        drafts.push(draft);
      },
      { users: { getProfile: async () => ({ displayname: 'Bob' }) } },
    );
    expect((await invite(app, { body: { user_id: BOB, reason: 'Welcome' } })).status).toBe(200);
    const content = { membership: 'invite', reason: 'Welcome', displayname: 'Bob' };
    expect(drafts).toMatchObject([
      {
        requester: { userId: ALICE },
        event: { room_id: ROOM, type: 'm.room.member', state_key: BOB, sender: ALICE, content },
      },
    ]);
    expect((await memberOf(store, BOB))?.content).toEqual(content);
  });

  it('may have other content stored, and nothing else', async () => {
    const { app, store } = await appWith(({ event }: InviteDraft) => ({
      content: { ...event.content, 'org.example.by': 'bot', when: new Date(0), none: undefined },
      sender: '@mallory:example.org',
      state_key: '@mallory:example.org',
    }));
    expect((await invite(app)).status).toBe(200);
    expect(await memberOf(store, BOB)).toMatchObject({ sender: ALICE, state_key: BOB });
    expect((await memberOf(store, BOB))?.content).toEqual({
      membership: 'invite',
      'org.example.by': 'bot',
      when: '1970-01-01T00:00:00.000Z',
    });
  });

  it('changes nothing by changing what it was given', async () => {
    const { app, store } = await appWith(({ event }: InviteDraft) => {
      event.content.membership = 'ban';
    });
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
  });

  it('may veto: its MatrixError is answered as it stands, and the limits are given back', async () => {
    const { app, store, limit } = await appWith(() => {
      throw new MatrixError(403, 'M_FORBIDDEN', 'Not today', { fields: { until: 'tomorrow' } });
    });
    const { status, body } = await invite(app);
    expect([status, body]).toEqual([403, { errcode: 'M_FORBIDDEN', error: 'Not today', until: 'tomorrow' }]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.refunded).toHaveLength(1);
  });

  const circle: Record<string, unknown> = { membership: 'invite' };
  circle.self = circle;
  const faults: [name: string, beforeAppend: () => unknown][] = [
    ['throws', () => Promise.reject(new Error('fault'))],
    ['answers true', () => true],
    ['answers null', () => null],
    ['answers no content', () => ({})],
    ['answers a content of null', () => ({ content: null })],
    ['answers a list', () => ({ content: [] })],
    ['bans', () => ({ content: { membership: 'ban' } })],
    ['forgets the membership', () => ({ content: { reason: 'x' } })],
    ['answers a circle', () => ({ content: circle })],
    ['answers a bigint', () => ({ content: { membership: 'invite', big: 1n } })],
    ['answers half a character', () => ({ content: { membership: 'invite', reason: '\ud800' } })],
    ['answers half a character in a name', () => ({ content: { membership: 'invite', '\udc00': 1 } })],
  ];
  it.each(faults)(
    'is a fault of the host where it %s: 500, and nothing is left',
    async (_case, beforeAppend) => {
      const { app, store, limit, logger } = await appWith(beforeAppend);
      expect((await invite(app)).status).toBe(500);
      expect(await invitesOf(store, BOB)).toBe(0);
      expect(limit.refunded).toHaveLength(1);
      expect(logger.lines).toMatchObject([{ level: 'error', details: { err: expect.any(Error) } }]);
    },
  );

  it('may use a backslash before what looks like half a character', async () => {
    const content = { membership: 'invite', reason: '\\ud800 \\\\udfff' };
    const { app, store } = await appWith(() => ({ content }));
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content).toEqual(content);
  });

  it('that makes too large an event is 413', async () => {
    const { app, store } = await appWith(() => ({
      content: { membership: 'invite', reason: 'x'.repeat(70_000) },
    }));
    expect((await invite(app)).status).toBe(413);
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('that is late is 503 within the deadline', async () => {
    const { app, store, limit } = await appWith(() => never(), { deadlineMs: 50 });
    expect((await invite(app)).status).toBe(503);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.refunded).toHaveLength(1);
  });

  it('is asked again when the room has changed, and paid for once', async () => {
    let asked = 0;
    const store = new MemoryStorage();
    await seedRoom(store);
    const storage = around(store, {
      async appendEvent(append, count) {
        if (count === 1) await put(store, 'm.room.power_levels', '', { invite: 0 });
        return append();
      },
    });
    const beforeAppend = () => {
      asked += 1;
    };
    const { app, limit } = await appWith(beforeAppend, { storage });
    expect((await invite(app)).status).toBe(200);
    expect(asked).toBe(2);
    expect(limit.consumed.flat().filter(({ scope }) => scope === 'invitee')).toHaveLength(1);
  });

  it('is not asked about what is refused, pending or dropped', async () => {
    let asked = 0;
    const beforeAppend = () => {
      asked += 1;
    };
    const { app } = await appWith(beforeAppend, { policies: [{ name: 'p', decide: () => 'drop' }] });
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app, { body: { user_id: ALICE } })).status).toBe(403);
    expect(asked).toBe(0);
  });
});
