import { createInviteService } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import supertest from 'supertest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectInvited, expectRefusal, invitesOf, MALLORY } from '../http/support.ts';
import { blockUnder, CAP, CONTENT, LIMIT, MONITOR, page, tableUnder } from './invite-spam-page.ts';
import {
  attack,
  FILTERING,
  IGNORING,
  OTHERS,
  setUpServer,
  spam,
  spamRoomOf,
  TARGETS,
} from './invite-spam-server.ts';

const LINK = 'You have won! https://spam.example/claim';

const serverUnder = (title: string) => setUpServer(blockUnder(title));

// Only `Date` is fake: the limits, whose windows last an hour, use it. Everything else uses timers.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the figures in docs/invite-spam.md', () => {
  const steps: readonly [title: string, rowStart: string, reason?: string][] = [
    [MONITOR, `[${MONITOR}]`, LINK],
    [LIMIT, `[${LIMIT}]`, LINK],
    [CAP, `[${CAP}]`, LINK],
    [CONTENT, `[${CONTENT}]`, LINK],
    [CONTENT, 'The same, but Mallory leaves out the link'],
  ];
  const rows = tableUnder('What each step stops');

  it('are all measured in these tests', () => {
    expect(rows).toHaveLength(steps.length);
  });

  it.each(steps)(
    'match measurements with the settings under "%s", in the row "%s…"',
    async (title, start, reason) => {
      const [, ...figures] = rows.find(([settings = '']) => settings.startsWith(start)) ?? [];
      const { firstHour, day, honest } = await attack(await serverUnder(title), reason);
      expect([String(firstHour), String(day), honest]).toEqual(figures);
    },
  );

  it('for a burst match what the default limits let through before any window ends', async () => {
    const server = await serverUnder(MONITOR);
    const responses = await Promise.all(TARGETS.map((target) => spam(server, target, LINK)));
    const through = responses.filter(({ status }) => status === 200).length;
    expect(page.text).toContain(`of 100 invites at once, they let ${through} through`);
  });
});

describe(`the settings under "${MONITOR}"`, () => {
  it('show the spam in the metrics that the page names', async () => {
    const server = await serverUnder(MONITOR);
    await attack(server, LINK);
    const { text } = await supertest(server.app).get('/metrics');
    const named = tableUnder(MONITOR).flatMap(([cell = '']) => [
      ...cell.matchAll(/^(matrix_invite_\w+){(.*)}$/g),
    ]);
    expect(named).toHaveLength(2);
    for (const [series, name, label = ''] of named) {
      const values = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
      expect([series, values.map((line) => Number(line.split(' ').at(-1)) > 0)]).toEqual([series, [true]]);
    }
  });

  it('show the inviter in the log, and the reason only in the room', async () => {
    const server = await serverUnder(MONITOR);
    await attack(server, LINK);
    const through = server.lines.filter(({ status }) => status === 200);
    expect(through.filter(({ requesterId }) => requesterId === MALLORY)).toHaveLength(TARGETS.length);
    expect(through.every(({ level, roomId }) => level === 'info' && roomId !== undefined)).toBe(true);
    const refused = server.lines.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const line of refused) {
      expect(line).toMatchObject({ level: 'info', status: 429, requesterId: MALLORY, scope: 'inviter' });
      expect(line).toHaveProperty('roomId', expect.stringMatching(/^!win/));
    }
    expect(JSON.stringify(server.lines)).not.toContain('spam.example');
    const { events = [] } = (await server.storage.timeline(spamRoomOf(OTHERS[0] ?? ''))) ?? {};
    expect(events.at(-1)?.content.reason).toBe(LINK);
  });

  it('do not stop the spammer, as a dry run shows', async () => {
    const { storage } = await serverUnder(MONITOR);
    const service = createInviteService({
      serverName: 'example.org',
      storage,
      rateLimit: new MemoryRateLimit(),
    });
    const [userId = ''] = OTHERS;
    const request = { requester: { userId: MALLORY }, roomId: spamRoomOf(userId), userId, reason: LINK };
    const { explanation } = await service.check(request);
    expect(explanation).toEqual({ by: 'nothing' });
    expect(page.text).toContain("`{ by: 'nothing' }`");
  });
});

describe(`the settings under "${CAP}"`, () => {
  it('refuse a spammer who waits a day, until an invitee rejects an invite', async () => {
    const server = await serverUnder(CAP);
    const { spammed } = await attack(server, LINK);
    vi.setSystemTime(Date.now() + 86_400_000);
    const [next = ''] = TARGETS.filter((target) => !spammed.includes(target));
    expectRefusal(await spam(server, next, LINK), 403, 'M_FORBIDDEN');
    const [invited = ''] = spammed;
    const rejection = {
      type: 'm.room.member',
      sender: invited,
      state_key: invited,
      origin_server_ts: Date.now(),
    };
    await server.storage.putState({
      ...rejection,
      room_id: spamRoomOf(invited),
      content: { membership: 'leave' },
    });
    expectInvited(await spam(server, next, LINK));
    expect(await invitesOf(server.storage, next, spamRoomOf(next))).toBe(1);
  });
});

describe(`the settings under "${CONTENT}"`, () => {
  it.each([IGNORING, FILTERING])('spare %s, and Mallory sees a 200', async (userId) => {
    const server = await serverUnder(CONTENT);
    expectInvited(await spam(server, userId));
    expect(await invitesOf(server.storage, userId, spamRoomOf(userId))).toBe(0);
  });

  it('do not reveal by a refusal who ignores Mallory: all refusals are the same', async () => {
    const server = await serverUnder(CONTENT);
    const [other = ''] = OTHERS;
    const responses = [];
    for (const userId of [IGNORING, FILTERING, other]) responses.push(await spam(server, userId, LINK));
    expect(responses.map(({ status, body }) => [status, body.error])).toEqual(
      responses.map(() => [403, 'The reason must have no links']),
    );
  });

  it('still spare users who ignore Mallory when she leaves out the link', async () => {
    const { spammed } = await attack(await serverUnder(CONTENT));
    expect(spammed.filter((userId) => userId === IGNORING || userId === FILTERING)).toEqual([]);
  });

  it('explain the refusal in the dry run on the page', async () => {
    const { printed } = await serverUnder(CONTENT);
    expect(printed).toEqual([{ by: 'policy', policy: 'contentRules', isDrop: false }]);
  });
});
