import express from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { type StorageHarness, storageContract } from 'express-matrix-invite/testing';
import { type Kysely, sql } from 'kysely';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  createTables,
  inRoom,
  openDatabase,
  type Role,
  type Tables,
  type Tx,
} from '../../examples/role-tables-postgres/database.ts';
import { addRoom, setInviteRole, setRole, setStatus } from '../../examples/role-tables-postgres/members.ts';
import { matrixStorage } from '../../examples/role-tables-postgres/storage.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';
import { silent } from '../http/support.ts';
import { inTime, inviteOf, member } from '../support/storage-room.ts';
import { testContract } from '../testing/support.ts';

const STATUSES = { join: 'joined', invite: 'invited', leave: 'left', ban: 'banned' } as const;
const ROLES: Readonly<Record<number, Role>> = { 0: 'member', 50: 'moderator', 100: 'owner' };
const role = (level: number): Role => ROLES[level] ?? 'member';

let server: PostgresServer;
let database: Kysely<Tables>;
let other: Kysely<Tables>;

beforeAll(async () => {
  server = await PostgresServer.start();
  database = openDatabase(server.pool());
  other = openDatabase(server.pool());
  await createTables(database);
});
afterAll(() => server?.close());

async function setRoles(tx: Tx, roomId: string, levels: Readonly<Record<string, number>>): Promise<void> {
  for (const [userId, level] of Object.entries(levels)) await setRole(tx, roomId, userId, role(level));
}

/** The app's tables, written through the app's own functions. */
async function harness(): Promise<StorageHarness> {
  return {
    adapter: matrixStorage(database),
    recall: true,
    createRoom: ({ roomId, creator, members, powerLevels }) =>
      inRoom(database, roomId, async (tx) => {
        await addRoom(tx, roomId, creator, role(powerLevels.invite));
        for (const [userId, membership] of Object.entries(members)) {
          await setStatus(tx, roomId, userId, STATUSES[membership], creator);
        }
        await setRoles(tx, roomId, powerLevels.users);
      }),
    setMembership: (roomId, userId, membership, sender) =>
      inRoom(database, roomId, (tx) => setStatus(tx, roomId, userId, STATUSES[membership], sender)),
    setPowerLevels: (roomId, { users, invite }) =>
      inRoom(database, roomId, async (tx) => {
        await setRoles(tx, roomId, users);
        await setInviteRole(tx, roomId, role(invite));
      }),
    secondInstance: async () => matrixStorage(other),
    crash: async () => {
      await server.stop('SIGQUIT');
      await server.startAgain();
      return matrixStorage(other);
    },
    unreachable: async () => matrixStorage(openDatabase(server.pool({ port: 1 }))),
  };
}

// The tables contain no events, so no other types, no event IDs and no other content.
testContract('the storage of role-tables-postgres', storageContract, harness, [
  'putState',
  'eventIds',
  'refusedContent',
  'createUsers',
]);

describe('the storage of role-tables-postgres', () => {
  it('keeps an invite unchanged, including a NUL in its reason', async () => {
    const roomId = '!nul:example.org';
    await inRoom(database, roomId, (tx) => addRoom(tx, roomId, '@alice:example.org', 'member'));
    const adapter = matrixStorage(database);
    const basis = await adapter.readState(roomId, [member('@bob:example.org')], inTime());
    if (basis === undefined) throw new Error('no room');
    const event = inviteOf(roomId, '@bob:example.org', 'a\0b');
    expect(await adapter.appendEvent(event, basis, inTime())).toMatchObject({ outcome: 'appended' });
    const after = await adapter.readState(roomId, [member('@bob:example.org')], inTime());
    expect(after?.events).toMatchObject([{ sender: event.sender, content: event.content }]);
  });

  it.each<[string, string, number, string]>([
    ['a CHECK', `CHECK ("user" <> '@dave:example.org')`, 403, 'M_FORBIDDEN'],
    ['a unique constraint', 'UNIQUE (room)', 500, 'M_UNKNOWN'],
  ])(
    'responds at once to an invite that violates %s, and stores nothing',
    async (_, constraint, status, errcode) => {
      const roomId = `!constraint-${status}:example.org`;
      const alice = '@alice:example.org';
      await inRoom(database, roomId, async (tx) => {
        await addRoom(tx, roomId, alice, 'member');
        await setStatus(tx, roomId, alice, 'joined', alice);
      });
      const kept = 'ALTER TABLE members RENAME TO kept; CREATE TABLE members (LIKE kept INCLUDING ALL)';
      await sql
        .raw(`${kept}; INSERT INTO members SELECT * FROM kept WHERE room = '${roomId}'`)
        .execute(database);
      onTestFinished(async () => {
        await sql.raw('DROP TABLE members; ALTER TABLE kept RENAME TO members').execute(database);
      });
      await sql.raw(`ALTER TABLE members ADD CONSTRAINT own ${constraint}`).execute(database);
      const outcomes: unknown[] = [];
      const router = createInviteRouter({
        serverName: 'example.org',
        storage: matrixStorage(database),
        rateLimit: false,
        auth: staticTokens({ 'alice-token': alice }),
        logger: silent,
        onOutcome: (outcome) => outcomes.push(outcome),
      });
      const response = await supertest(express().use(router))
        .post(`/rooms/${encodeURIComponent(roomId)}/invite`)
        .auth('alice-token', { type: 'bearer' })
        .send({ user_id: '@dave:example.org' });
      expect([response.status, response.body]).toMatchObject([status, { errcode }]);
      await expect.poll(() => outcomes).toMatchObject([{ status, tries: 1, isStorageRefusal: true }]);
      const { rows } = await sql`SELECT 1 FROM members WHERE "user" = '@dave:example.org'`.execute(database);
      expect(rows).toEqual([]);
    },
  );

  it('survives connections that break while they are in use', async () => {
    const roomId = '!broken:example.org';
    await inRoom(database, roomId, (tx) => addRoom(tx, roomId, '@alice:example.org', 'member'));
    const held = inRoom(database, roomId, async () => {
      await server.stop('SIGQUIT');
      await server.startAgain();
    });
    await expect(held).rejects.toThrow();
    expect(await matrixStorage(database).readState(roomId, [], inTime())).toMatchObject({ roomId });
  });
});
