import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import type { RoomStore } from '../../src/ports/storage.ts';
import { newSqlitePath, openSqlite } from '../support/sqlite-file.ts';
import { AS_ALICE, INVITE_PATH, listening, portOf, ROOM, seedRoom, setUp } from './support.ts';

const REQUESTS = 1_000;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

afterEach(() => agent.destroy());

describe.each<[string, () => Promise<RoomStore>]>([
  ['MemoryStorage', async () => new MemoryStorage()],
  [
    'SqliteStorage',
    async () => {
      const store = new SqliteStorage(openSqlite(await newSqlitePath()));
      await store.migrate();
      return store;
    },
  ],
])(`${REQUESTS} parallel invites, on %s`, (_name, newStore) => {
  it('of different users into one room are all stored', async () => {
    const userIds = Array.from({ length: REQUESTS }, (_, index) => `@user${index}:example.org`);
    const { responses, outcomes, appended } = await inviteAll(await newStore(), userIds);
    expect(responses).toEqual(Array(REQUESTS).fill('200 {}'));
    expect(outcomes).toEqual({ invited: REQUESTS });
    expect(appended.map(({ state_key }) => state_key).sort()).toEqual(userIds.sort());
    expect(new Set(appended.map(({ event_id }) => event_id)).size).toBe(REQUESTS);
  }, 60_000);

  it('of one user append one event', async () => {
    const userIds = Array(REQUESTS).fill('@bob:example.org');
    const { responses, outcomes, appended } = await inviteAll(await newStore(), userIds);
    expect(responses).toEqual(Array(REQUESTS).fill('200 {}'));
    expect(outcomes).toEqual({ invited: 1, alreadyInvited: REQUESTS - 1 });
    expect(appended).toMatchObject([{ state_key: '@bob:example.org', content: { membership: 'invite' } }]);
  }, 60_000);
});

/** Sends all invites at once. Returns the responses, the number of each outcome, and the appended events. */
async function inviteAll(storage: RoomStore, userIds: readonly string[]) {
  const outcomes: Record<string, number> = {};
  const { app } = setUp({
    storage,
    // Makes the snapshot old by the time of the append, as in any host app that does lookups in between.
    users: { getProfile: () => delay(10, undefined) },
    onOutcome: ({ outcome = 'none' }) => {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    },
  });
  await seedRoom(storage);
  const before = await storage.timeline(ROOM);
  const port = portOf(await listening(app));
  const responses = await Promise.all(userIds.map((userId) => invite(port, userId)));
  const after = await storage.timeline(ROOM, { after: before?.next ?? 0, limit: 10 * REQUESTS });
  return { responses, outcomes, appended: after?.events ?? [] };
}

async function invite(port: number, userId: string): Promise<string> {
  const outgoing = request({ port, method: 'POST', path: INVITE_PATH, headers: AS_ALICE, agent });
  const responded = once(outgoing, 'response');
  outgoing.end(JSON.stringify({ user_id: userId }));
  const [response] = await responded;
  return `${response.statusCode} ${await text(response)}`;
}
