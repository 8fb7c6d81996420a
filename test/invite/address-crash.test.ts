import { readFile } from 'node:fs/promises';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { describe, expect, it } from 'vitest';
import { range } from '../../src/testing/random.ts';
import { Child } from '../support/child.ts';
import { newSqlitePath, openSqlite } from '../support/sqlite-file.ts';
import { newRoom } from '../support/storage-room.ts';

async function setUp() {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const storage = new SqliteStorage(database);
  await storage.migrate();
  const { roomId, ...room } = newRoom();
  await storage.createRoom({ roomId, ...room });
  const start = (count: number, step = '') =>
    new Child('address-invite.ts', path, roomId, `${path}.mails`, String(count), step);
  return {
    start,
    /** Sends one request from a process of its own, and returns its result. */
    async inviteAgain() {
      const child = start(1);
      await child.end();
      return child.lines[0];
    },
    async mails() {
      const text = await readFile(`${path}.mails`, 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
    async tokens() {
      const { events = [] } = (await storage.timeline(roomId)) ?? {};
      return events
        .filter(({ type }) => type === 'm.room.third_party_invite')
        .map(({ state_key }) => state_key);
    },
    endClaims: () => void database.exec('UPDATE matrix_pending_addresses SET claimed_until = 0'),
  };
}

/** Where the process is killed, whether the claim lasts until its time is over, and the mails that there are in the end. */
const steps: [step: string, lasts: boolean, mails: number][] = [
  ['before readState', false, 1],
  ['after readState', false, 1],
  ['before claimAddress', false, 1],
  ['after claimAddress', true, 1],
  ['before storeInvite', true, 1],
  // Nobody but the identity server knows of this mail: docs/invite-by-address.md says so.
  ['after storeInvite', true, 2],
  ['before settleAddress', true, 2],
  ['after settleAddress', false, 1],
  ['before appendEvent', false, 1],
  ['after appendEvent', false, 1],
];

describe('an invite by address whose process is killed', () => {
  it.each(steps)('%s is completed by the next request', async (step, lasts, count) => {
    const { start, inviteAgain, mails, tokens, endClaims } = await setUp();
    await start(1, step)
      .end()
      .catch(() => {});
    if (lasts) {
      expect(await inviteAgain()).toBe('503');
      endClaims();
    }
    expect(await inviteAgain()).toBe(step === 'after appendEvent' ? 'alreadyInvited' : 'storedForAddress');
    expect(await inviteAgain()).toBe('alreadyInvited');
    expect(await mails()).toHaveLength(count);
    expect(await tokens()).toEqual((await mails()).slice(-1));
  });
});

describe('processes that invite one address at once', () => {
  it('send one mail and store one event, in 1,000 requests', { timeout: 240_000 }, async () => {
    const { start, inviteAgain, mails, tokens } = await setUp();
    const children = range(4).map(() => start(250));
    await Promise.all(children.map((child) => child.end()));
    const results = children.flatMap(({ lines }) => lines);
    expect(results).toHaveLength(1_000);
    expect(results.filter((result) => result === 'storedForAddress')).toHaveLength(1);
    expect(new Set(results)).toEqual(
      new Set(['storedForAddress', 'alreadyInvited', '503'].filter((each) => results.includes(each))),
    );
    expect(await inviteAgain()).toBe('alreadyInvited');
    expect(await mails()).toHaveLength(1);
    expect(await tokens()).toEqual(await mails());
  });
});
