import { createInviteService } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import supertest from 'supertest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectInvited, expectRefusal, invitesOf, MALLORY } from '../http/support.ts';
import { blockUnder, CAP, CONTENT, LIMIT, page, SEE, tableUnder } from './invite-spam-page.ts';
import {
  attack,
  FILTERING,
  IGNORING,
  OTHERS,
  spam,
  spamRoomOf,
  TARGETS,
  worldWith,
} from './invite-spam-world.ts';

const LINK = 'You have won! https://spam.example/claim';

const worldOf = (title: string) => worldWith(blockUnder(title));

// Windows of an hour: the limits go by `Date`, and everything else by timers, which stay real.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the figures in docs/invite-spam.md', () => {
  const steps: readonly [title: string, rowStart: string, reason?: string][] = [
    [SEE, `[${SEE}]`, LINK],
    [LIMIT, `[${LIMIT}]`, LINK],
    [CAP, `[${CAP}]`, LINK],
    [CONTENT, `[${CONTENT}]`, LINK],
    [CONTENT, 'The same, but Mallory leaves out the link'],
  ];
  const rows = tableUnder('What each step stops');

  it('are all measured here', () => {
    expect(rows).toHaveLength(steps.length);
  });

  it.each(steps)(
    'are what is measured with the block of "%s", in the row "%s…"',
    async (title, start, reason) => {
      const [, ...figures] = rows.find(([settings = '']) => settings.startsWith(start)) ?? [];
      const { firstHour, day, honest } = await attack(await worldOf(title), reason);
      expect([String(firstHour), String(day), honest]).toEqual(figures);
    },
  );

  it('of a burst are what the defaults let through before any window ends', async () => {
    const world = await worldOf(SEE);
    const answers = await Promise.all(TARGETS.map((target) => spam(world, target, LINK)));
    const through = answers.filter(({ status }) => status === 200).length;
    expect(page.text).toContain(`of 100 invites at once, they let ${through} through`);
  });
});

describe(SEE, () => {
  it('shows the spam in the metrics that the page names', async () => {
    const world = await worldOf(SEE);
    await attack(world, LINK);
    const { text } = await supertest(world.app).get('/metrics');
    const named = tableUnder(SEE).flatMap(([look = '']) => [
      ...look.matchAll(/^(matrix_invite_\w+){(.*)}$/g),
    ]);
    expect(named).toHaveLength(2);
    for (const [series, name, label = ''] of named) {
      const values = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
      expect([series, values.map((line) => Number(line.split(' ').at(-1)) > 0)]).toEqual([series, [true]]);
    }
  });

  it('shows the inviter in the log, and the reason in the room alone', async () => {
    const world = await worldOf(SEE);
    await attack(world, LINK);
    const through = world.lines.filter(({ status }) => status === 200);
    expect(through.filter(({ requesterId }) => requesterId === MALLORY)).toHaveLength(TARGETS.length);
    expect(through.every(({ level, roomId }) => level === 'info' && roomId !== undefined)).toBe(true);
    const refused = world.lines.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const line of refused) {
      expect(line).toMatchObject({ level: 'info', status: 429, requesterId: MALLORY, scope: 'inviter' });
      expect(line).toHaveProperty('roomId', expect.stringMatching(/^!win/));
    }
    expect(JSON.stringify(world.lines)).not.toContain('spam.example');
    const { events = [] } = (await world.storage.timeline(spamRoomOf(OTHERS[0] ?? ''))) ?? {};
    expect(events.at(-1)?.content.reason).toBe(LINK);
  });

  it('shows by a dry run that nothing holds her back', async () => {
    const { storage } = await worldOf(SEE);
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

describe(CAP, () => {
  it('holds whoever waits, until an invite is answered', async () => {
    const world = await worldOf(CAP);
    const { spammed } = await attack(world, LINK);
    vi.setSystemTime(Date.now() + 86_400_000);
    const [next = ''] = TARGETS.filter((target) => !spammed.includes(target));
    expectRefusal(await spam(world, next, LINK), 403, 'M_FORBIDDEN');
    const [invited = ''] = spammed;
    const rejection = {
      type: 'm.room.member',
      sender: invited,
      state_key: invited,
      origin_server_ts: Date.now(),
    };
    await world.storage.putState({
      ...rejection,
      room_id: spamRoomOf(invited),
      content: { membership: 'leave' },
    });
    expectInvited(await spam(world, next, LINK));
    expect(await invitesOf(world.storage, next, spamRoomOf(next))).toBe(1);
  });
});

describe(CONTENT, () => {
  it.each([IGNORING, FILTERING])('spares %s, and Mallory sees 200', async (userId) => {
    const world = await worldOf(CONTENT);
    expectInvited(await spam(world, userId));
    expect(await invitesOf(world.storage, userId, spamRoomOf(userId))).toBe(0);
  });

  it('does not tell by a refusal who ignores her: all are alike', async () => {
    const world = await worldOf(CONTENT);
    const [other = ''] = OTHERS;
    const answers = [];
    for (const userId of [IGNORING, FILTERING, other]) answers.push(await spam(world, userId, LINK));
    expect(answers.map(({ status, body }) => [status, body.error])).toEqual(
      answers.map(() => [403, 'The reason must have no links']),
    );
  });

  it('still spares who ignores her when Mallory leaves out the link', async () => {
    const { spammed } = await attack(await worldOf(CONTENT));
    expect(spammed.filter((userId) => userId === IGNORING || userId === FILTERING)).toEqual([]);
  });

  it('tells by the dry run on the page what holds', async () => {
    const { printed } = await worldOf(CONTENT);
    expect(printed).toEqual([{ by: 'policy', policy: 'contentRules', isDrop: false }]);
  });
});
