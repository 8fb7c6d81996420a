import { describe, expect, it, onTestFinished } from 'vitest';
import { range } from '../../src/testing/random.ts';
import { Child } from '../support/child.ts';
import { newSqlitePath, openSqlite } from '../support/sqlite-file.ts';
import { SqliteRemoteInvites } from '../support/sqlite-remote-invites.ts';
import { newRoom } from '../support/storage-room.ts';
import { TestInbox } from '../support/test-inbox.ts';

const DAVE = '@dave:two.test';

async function setUp() {
  const inbox = await TestInbox.listen();
  onTestFinished(() => inbox.close());
  const path = await newSqlitePath();
  const federation = new SqliteRemoteInvites(openSqlite(path), openSqlite(path), inbox.url);
  const { storage } = federation;
  await storage.migrate();
  const { roomId, ...room } = newRoom();
  await storage.createRoom({ roomId, ...room });
  const start = (users: string, step = '') =>
    new Child('remote-invite.ts', path, roomId, inbox.url, users, step);
  const run = async (users: string) => {
    const child = start(users);
    await child.end();
    return child.lines;
  };
  const unfinished = async () => {
    const events = [];
    for await (const { event } of federation.unfinished()) events.push(event.state_key);
    return events;
  };
  const stored = async (userId: string) => {
    const { events = [] } = (await storage.timeline(roomId, { limit: 1_000 })) ?? {};
    return events.filter(({ state_key, content }) => state_key === userId && content.membership === 'invite')
      .length;
  };
  /** Returns how many events of the user the other server has accepted. */
  const accepted = (userId: string) => [...inbox.invites.values()].filter((each) => each === userId).length;
  return { inbox, start, run, stored, accepted, unfinished };
}

/** Where the process is killed, what `resume` then completes and abandons, and the events in the end. */
const steps: [step: string, completed: number, abandoned: number, count: number][] = [
  ['before readState', 0, 0, 0],
  ['after readState', 0, 0, 0],
  ['before build', 0, 0, 0],
  ['after build', 1, 0, 1],
  ['before ask', 1, 0, 1],
  ['after ask', 1, 0, 1],
  ['before append', 1, 0, 1],
  ['after append', 0, 1, 1],
  ['before forget', 0, 1, 1],
  ['after forget', 0, 0, 1],
];

describe('an invite of a user of another server whose process is killed', () => {
  it.each(steps)('%s is completed by resume', async (step, completed, abandoned, count) => {
    const { start, run, stored, accepted, unfinished } = await setUp();
    await start(DAVE, step)
      .end()
      .catch(() => {});
    expect(await run('')).toEqual([JSON.stringify({ completed, abandoned, failed: 0 })]);
    expect([await stored(DAVE), accepted(DAVE), await unfinished()]).toEqual([count, count, []]);
  });

  it.each(steps)('%s is completed by the next request, too', async (step) => {
    const { start, run, stored, accepted } = await setUp();
    await start(DAVE, step)
      .end()
      .catch(() => {});
    expect(['invited', 'alreadyInvited']).toContain((await run(DAVE))[0]);
    expect([await stored(DAVE), accepted(DAVE)]).toEqual([1, 1]);
  });

  it('while the other server thinks is completed once, by many processes that resume', async () => {
    const { inbox, start, run, stored, accepted, unfinished } = await setUp();
    const users = range(20).map((index) => `@dave${index}:two.test`);
    inbox.behave('wait');
    const child = start(users.join());
    await expect.poll(() => inbox.requests.length).toBe(users.length);
    await child.kill();
    inbox.behave('accept');
    const results = await Promise.all(range(3).map(() => run('')));
    for (const [line = ''] of results) expect(JSON.parse(line)).toMatchObject({ failed: 0 });
    expect(await unfinished()).toEqual([]);
    for (const userId of users) expect([await stored(userId), accepted(userId)]).toEqual([1, 1]);
  });
});
