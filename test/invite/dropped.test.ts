import type { InvitePolicy } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { describe, expect, it } from 'vitest';
import { readPage, tablesOf } from '../docs/pages.ts';
import { ALICE, BOB, invite, memberOf, seedRoom, setUp } from '../http/support.ts';

const MEMBERS = Array.from({ length: 6 }, (_none, index) => `@member${index}:example.org`);

const ignoring: InvitePolicy = {
  name: 'ignoring',
  decide: ({ userId }) => (userId === BOB ? 'drop' : undefined),
};

/** An app with the default limits. */
async function appWith(policies: InvitePolicy[]) {
  const host = setUp({
    policies,
    rateLimit: new MemoryRateLimit(),
    auth: {
      authenticate: async ({ accessToken }) => ({ requester: { userId: accessToken } }),
    },
  });
  for (const index of MEMBERS.keys()) {
    const members = Object.fromEntries(MEMBERS.map((userId) => [userId, 'join']));
    await seedRoom(host.store, { roomId: `!room${index}:example.org`, members });
  }
  await seedRoom(host.store);
  return host;
}

type App = Awaited<ReturnType<typeof appWith>>;

const asAlice = async ({ app }: App, user_id: string) =>
  (await invite(app, { token: ALICE, body: { user_id } })).status;

async function repeat(times: number, send: (index: number) => Promise<number>): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < times; index += 1) statuses.push(await send(index));
  return statuses;
}

/** `200, 200, 429` becomes `2 × 200, 1 × 429`. */
function summaryOf(statuses: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} × ${status}`).join(', ');
}

/** What an inviter can do to find out whether an invite of Bob was dropped, by the name in the docs. */
const PROBES: Readonly<Record<string, (host: App) => Promise<string>>> = {
  'reads the state of the room': async (host) => {
    await asAlice(host, BOB);
    return (await memberOf(host.store, BOB)) === undefined ? 'no event' : 'the invite';
  },
  'sends the same invite 13 times': async (host) => summaryOf(await repeat(13, () => asAlice(host, BOB))),
  'invites the user once, then 10 other users': async (host) =>
    summaryOf([
      await asAlice(host, BOB),
      ...(await repeat(10, (index) => asAlice(host, `@other${index}:example.org`))),
    ]),
  'invites the user twice, then 10 other users': async (host) =>
    summaryOf([
      ...(await repeat(2, () => asAlice(host, BOB))),
      ...(await repeat(10, (index) => asAlice(host, `@other${index}:example.org`))),
    ]),
  'has 6 accounts invite the user, each to another room': async ({ app }) =>
    summaryOf(
      await repeat(6, async (index) => {
        const request = { token: MEMBERS[index] ?? '', roomId: `!room${index}:example.org` };
        return (await invite(app, { ...request, body: { user_id: BOB } })).status;
      }),
    ),
};

const table = tablesOf(readPage('docs/rate-limits.md').text).find(({ head }) => head[0] === 'The inviter');

describe('the table of what an inviter can learn about dropped invites', () => {
  it('has a row for each probe', () => {
    expect(table?.rows.map(([name]) => name)).toEqual(Object.keys(PROBES));
  });

  it.each(Object.entries(PROBES))('holds with the default limits if the inviter %s', async (name, probe) => {
    const row = table?.rows.find(([first]) => first === name);
    expect([name, await probe(await appWith([])), await probe(await appWith([ignoring]))]).toEqual(row);
  });
});
