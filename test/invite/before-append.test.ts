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
  it('receives the requester and the event that is about to be stored', async () => {
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

  it('can replace the content of the event, and nothing else', async () => {
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

  it('cannot change the event by mutating its argument', async () => {
    const { app, store } = await appWith(({ event }: InviteDraft) => {
      event.content.membership = 'ban';
    });
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite' });
  });

  it('can veto: its MatrixError becomes the response as is, and the limits are refunded', async () => {
    const { app, store, limit } = await appWith(() => {
      throw new MatrixError(403, 'M_FORBIDDEN', 'Not today', { fields: { until: 'tomorrow' } });
    });
    const { status, body } = await invite(app);
    expect([status, body]).toEqual([403, { errcode: 'M_FORBIDDEN', error: 'Not today', until: 'tomorrow' }]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.refunded).toHaveLength(1);
  });

  const circular: Record<string, unknown> = { membership: 'invite' };
  circular.self = circular;
  const faults: [name: string, beforeAppend: () => unknown][] = [
    ['rejects', () => Promise.reject(new Error('fault'))],
    ['returns true', () => true],
    ['returns null', () => null],
    ['returns no content', () => ({})],
    ['returns null as the content', () => ({ content: null })],
    ['returns an array as the content', () => ({ content: [] })],
    ['returns a membership of ban', () => ({ content: { membership: 'ban' } })],
    ['returns content without a membership', () => ({ content: { reason: 'x' } })],
    ['returns circular content', () => ({ content: circular })],
    ['returns a bigint', () => ({ content: { membership: 'invite', big: 1n } })],
    ['returns a lone surrogate', () => ({ content: { membership: 'invite', reason: '\ud800' } })],
    ['returns a lone surrogate in a key', () => ({ content: { membership: 'invite', '\udc00': 1 } })],
  ];
  it.each(faults)(
    'leads to a 500 with nothing stored and the limits refunded if it %s',
    async (_case, beforeAppend) => {
      const { app, store, limit, logger } = await appWith(beforeAppend);
      expect((await invite(app)).status).toBe(500);
      expect(await invitesOf(store, BOB)).toBe(0);
      expect(limit.refunded).toHaveLength(1);
      expect(logger.lines).toMatchObject([{ level: 'error', details: { err: expect.any(Error) } }]);
    },
  );

  it('can return a backslash before text that looks like a lone surrogate', async () => {
    const content = { membership: 'invite', reason: '\\ud800 \\\\udfff' };
    const { app, store } = await appWith(() => ({ content }));
    expect((await invite(app)).status).toBe(200);
    expect((await memberOf(store, BOB))?.content).toEqual(content);
  });

  it('leads to a 413 if it makes the event too large', async () => {
    const { app, store } = await appWith(() => ({
      content: { membership: 'invite', reason: 'x'.repeat(70_000) },
    }));
    expect((await invite(app)).status).toBe(413);
    expect(await invitesOf(store, BOB)).toBe(0);
  });

  it('leads to a 503 at the deadline if it is late', async () => {
    const { app, store, limit } = await appWith(() => never(), { deadlineMs: 50 });
    expect((await invite(app)).status).toBe(503);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.refunded).toHaveLength(1);
  });

  it('is called again if the room has changed, while the limits are consumed once', async () => {
    let calls = 0;
    const store = new MemoryStorage();
    await seedRoom(store);
    const storage = around(store, {
      async appendEvent(append, count) {
        if (count === 1) await put(store, 'm.room.power_levels', '', { invite: 0 });
        return append();
      },
    });
    const beforeAppend = () => {
      calls += 1;
    };
    const { app, limit } = await appWith(beforeAppend, { storage });
    expect((await invite(app)).status).toBe(200);
    expect(calls).toBe(2);
    expect(limit.consumed.flat().filter(({ scope }) => scope === 'invitee')).toHaveLength(1);
  });

  it('is not called for an invite that is refused or dropped', async () => {
    let calls = 0;
    const beforeAppend = () => {
      calls += 1;
    };
    const { app } = await appWith(beforeAppend, { policies: [{ name: 'p', decide: () => 'drop' }] });
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app, { body: { user_id: ALICE } })).status).toBe(403);
    expect(calls).toBe(0);
  });
});
