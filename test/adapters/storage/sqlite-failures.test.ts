import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../adapters/storage/sqlite/index.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import { expectDescribed, invite, invitesOf, seedRoom, setUp } from '../../http/support.ts';
import { Child } from '../../support/child.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { newRoom } from '../../support/storage-room.ts';

const DEADLINE_MS = 1_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Opens a host app on a new file, with a room of Alice. */
async function openHost(deadlineMs = DEADLINE_MS) {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const storage = new SqliteStorage(database);
  await storage.migrate();
  const roomId = await seedRoom(storage, { roomId: newRoom().roomId });
  const { app } = setUp({ storage, logger: silent, deadlineMs });
  /** Invites, checks what holds for every response, and returns the status. */
  const invites = async (userId: string, reason?: string): Promise<number> => {
    const startedAt = performance.now();
    const response = await invite(app, { roomId, body: { user_id: userId, reason } });
    expect(performance.now() - startedAt).toBeLessThan(deadlineMs + 20_000);
    expectDescribed(response);
    if (response.status === 503) {
      expect(response.body.errcode).toBe('M_UNKNOWN');
      expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    return response.status;
  };
  return { path, database, storage, roomId, invites };
}

describe('a full disk', () => {
  it('causes 503 and stores nothing, until there is space again', async () => {
    const { database, storage, roomId, invites } = await openHost();
    const { page_count } = database.prepare('PRAGMA page_count').get() as { page_count: number };
    database.exec(`PRAGMA max_page_count = ${page_count + 2}`);
    const reason = 'x'.repeat(50_000);
    const users = ['@a:example.org', '@b:example.org', '@c:example.org'];
    expect(await Promise.all(users.map((user) => invites(user, reason)))).toEqual([503, 503, 503]);
    expect((await storage.timeline(roomId))?.events).toHaveLength(2);
    database.exec(`PRAGMA max_page_count = ${page_count + 1_000}`);
    for (const user of users) {
      expect(await invites(user, reason)).toBe(200);
      expect(await invitesOf(storage, user, roomId)).toBe(1);
    }
  });
});

describe('a locked file', () => {
  it('causes 503 at the deadline, and nothing is stored twice', async () => {
    const { path, storage, roomId, invites } = await openHost();
    const other = openSqlite(path);
    other.exec('BEGIN IMMEDIATE');
    expect(await invites('@bob:example.org')).toBe(503);
    other.exec('COMMIT');
    expect(await invites('@bob:example.org')).toBe(200);
    expect(await invitesOf(storage, '@bob:example.org', roomId)).toBe(1);
  });

  it('is shared with three busy processes: every invite succeeds', {
    timeout: 240_000,
  }, async () => {
    const { path, storage, roomId, invites } = await openHost(5_000);
    const children = ['x', 'y', 'z'].map((name) => new Child('sqlite-invite-loop.ts', path, roomId, name));
    await Promise.all(children.map((child) => child.hasPrinted(1)));
    const users = Array.from({ length: 60 }, (_, index) => `@guest${index}:example.org`);
    const statuses = await Promise.all(users.map((user) => invites(user)));
    for (const child of children) child.process.stdin.end();
    await Promise.all(children.map((child) => child.end()));

    expect(new Set(statuses)).toEqual(new Set([200]));
    const countsOfChildren = children.map((child) => Number(child.lines[1]));
    expect(Math.min(...countsOfChildren)).toBeGreaterThan(0);
    const log = (await storage.timeline(roomId, { limit: 1_000_000 }))?.events ?? [];
    expect(log).toHaveLength(countsOfChildren.reduce((sum, count) => sum + count, 2 + users.length));
    expect(new Set(log.map(({ state_key }) => state_key)).size).toBe(log.length);
  });
});

describe("what a host app's own database rejects", () => {
  it.each([
    [
      'a trigger',
      "BEFORE INSERT ON matrix_events WHEN NEW.content LIKE '%xyzzy%' BEGIN SELECT RAISE(ABORT, 'no'); END",
      403,
    ],
    [
      'NOT NULL',
      `AFTER INSERT ON matrix_events WHEN NEW.content LIKE '%xyzzy%'
       BEGIN INSERT INTO strict_table VALUES (NULL, 1); END`,
      500,
    ],
    [
      'a CHECK constraint',
      `AFTER INSERT ON matrix_events WHEN NEW.content LIKE '%xyzzy%'
       BEGIN INSERT INTO strict_table VALUES (1, 0); END`,
      403,
    ],
  ])('(%s) is refused, and other invites of its transaction are stored', async (_, trigger, status) => {
    const { database, storage, roomId, invites } = await openHost();
    database.exec(
      `CREATE TABLE strict_table (a INT NOT NULL, b INT CHECK (b > 0)); CREATE TRIGGER guard ${trigger}`,
    );
    const [refused, ...others] = await Promise.all([
      invites('@zoe:example.org', 'xyzzy'),
      invites('@yan:example.org'),
      invites('@xia:example.org'),
    ]);
    expect([refused, ...others]).toEqual([status, 200, 200]);
    expect(await invitesOf(storage, '@zoe:example.org', roomId)).toBe(0);
    expect(await invitesOf(storage, '@yan:example.org', roomId)).toBe(1);
  });
});
