import { type StorageHarness, storageContract } from 'express-matrix-invite/testing';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  'recall',
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
