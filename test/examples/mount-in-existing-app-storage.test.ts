import { copyFile } from 'node:fs/promises';
import { type StorageHarness, storageContract } from 'express-matrix-invite/testing';
import { afterEach } from 'vitest';
import { Database, type Transaction } from '../../examples/mount-in-existing-app/database.ts';
import { nameOf, slugOf } from '../../examples/mount-in-existing-app/matrix-ids.ts';
import {
  addRoom,
  type Role,
  type Status,
  setInviteRole,
  setRole,
  setStatus,
} from '../../examples/mount-in-existing-app/rooms.ts';
import { matrixStorage } from '../../examples/mount-in-existing-app/storage.ts';
import { testContract } from '../testing/support.ts';
import { newDatabasePath } from './example.ts';

const STATUSES = { join: 'joined', invite: 'invited', leave: 'left', ban: 'banned' } as const;
const ROLES: Readonly<Record<number, Role>> = { 0: 'member', 50: 'moderator', 100: 'owner' };

const open: Database[] = [];

afterEach(async () => {
  for (const database of open.splice(0)) await database.close().catch(() => {});
});

function openDatabase(path: string): Database {
  const database = new Database(path);
  open.push(database);
  return database;
}

/** The app's tables, written through the app's own functions. */
async function harness(): Promise<StorageHarness> {
  const path = await newDatabasePath();
  const database = openDatabase(path);
  return {
    adapter: matrixStorage(database),
    createUsers: (userIds) =>
      database.transact((tx) => {
        const insert = tx.prepare('INSERT OR IGNORE INTO users (name, salt, password_hash) VALUES (?, ?, ?)');
        for (const userId of userIds) insert.run(name(userId), '', '');
      }),
    createRoom: ({ roomId, creator, members, powerLevels }) =>
      database.transact((tx) => {
        addRoom(tx, slug(roomId), name(creator), role(powerLevels.invite));
        for (const [userId, membership] of Object.entries(members)) {
          const status: Status = STATUSES[membership];
          setStatus(tx, slug(roomId), name(userId), status, name(creator));
        }
        setRoles(tx, roomId, powerLevels.users);
      }),
    setMembership: (roomId, userId, membership, sender) =>
      database.transact((tx) =>
        setStatus(tx, slug(roomId), name(userId), STATUSES[membership], name(sender)),
      ),
    setPowerLevels: (roomId, { users, invite }) =>
      database.transact((tx) => {
        setRoles(tx, roomId, users);
        setInviteRole(tx, slug(roomId), role(invite));
      }),
    crash: async () => {
      await copyFile(path, `${path}-copy`);
      await copyFile(`${path}-wal`, `${path}-copy-wal`);
      return matrixStorage(openDatabase(`${path}-copy`));
    },
    unreachable: async () => {
      const closed = new Database(await newDatabasePath());
      await closed.close();
      return matrixStorage(closed);
    },
  };
}

function setRoles(tx: Transaction, roomId: string, levels: Readonly<Record<string, number>>): void {
  for (const [userId, level] of Object.entries(levels)) setRole(tx, slug(roomId), name(userId), role(level));
}

const role = (level: number): Role => ROLES[level] ?? 'member';
const name = (userId: string): string => required(nameOf(userId));
const slug = (roomId: string): string => required(slugOf(roomId));

function required(text: string | undefined): string {
  if (text === undefined) throw new Error('an ID of another server');
  return text;
}

// The app has a single connection. Its tables contain no events, so no other types, no event IDs and no other content.
testContract('the storage of mount-in-existing-app', storageContract, harness, [
  'putState',
  'eventIds',
  'secondInstance',
  'refusedContent',
  'recall',
]);
