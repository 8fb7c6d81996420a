import type { SeedPowerLevels, StorageHarness } from 'express-matrix-invite/testing';
import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2/promise';
import { type Role, roomNumberOf, type Status, usernameOf } from './matrix.ts';
import { inRoom, mysql2Storage } from './mysql2.ts';

const STATUSES = { join: 'joined', invite: 'invited', leave: 'left', ban: 'banned' } as const;

const roleOf = (level = 0): Role => (level === 100 ? 'owner' : level === 50 ? 'moderator' : 'member');

/** @param otherPool a second pool on the same database, as another process has one */
export function chatHarness(pool: Pool, otherPool: Pool): StorageHarness {
  return {
    adapter: mysql2Storage(pool),
    secondInstance: async () => mysql2Storage(otherPool),
    limits: { longUserIds: 'usernames have 64 characters' },

    /** Here, a user's ID is made of the username. If yours are made of row numbers, resolve to those IDs instead. */
    async createUsers(userIds) {
      const rows = userIds.map((userId) => [usernameOf(userId)]);
      await pool.query('INSERT INTO users (username) VALUES ?', [rows]);
    },

    /** The app numbers its rooms: the proposed `roomId` is ignored, and the room's own ID is the result. */
    async createRoom({ creator, members, powerLevels }) {
      const [{ insertId }] = await pool.execute<ResultSetHeader>(
        `INSERT INTO rooms (name, owner_id) SELECT 'Cats', id FROM users WHERE username = ?`,
        [usernameOf(creator)],
      );
      const roomId = `!${insertId}:example.org`;
      await inRoom(pool, roomId, async (tx) => {
        for (const membership of ['join', 'invite', 'leave', 'ban'] as const) {
          const userIds = Object.keys(members).filter((userId) => members[userId] === membership);
          await setStatus(tx, roomId, userIds, STATUSES[membership], creator);
        }
        await setRoles(tx, roomId, powerLevels);
      });
      return { roomId };
    },

    setMembership: (roomId, userId, membership, sender) =>
      inRoom(pool, roomId, (tx) => setStatus(tx, roomId, [userId], STATUSES[membership], sender)),

    setPowerLevels: (roomId, levels) => inRoom(pool, roomId, (tx) => setRoles(tx, roomId, levels)),
  };
}

async function setStatus(
  tx: PoolConnection,
  roomId: string,
  userIds: string[],
  status: Status,
  sender: string,
): Promise<void> {
  if (userIds.length === 0) return;
  await tx.query(
    `INSERT INTO memberships (room_id, user_id, status, changed_by)
     SELECT ?, users.id, ?, changers.id FROM users, users AS changers
     WHERE users.username IN (?) AND changers.username = ?
     ON DUPLICATE KEY UPDATE status = VALUES(status), changed_by = VALUES(changed_by), invite = NULL`,
    [roomNumberOf(roomId), status, userIds.map(usernameOf), usernameOf(sender)],
  );
}

async function setRoles(
  tx: PoolConnection,
  roomId: string,
  { users, invite }: SeedPowerLevels,
): Promise<void> {
  const id = roomNumberOf(roomId);
  await tx.execute('UPDATE rooms SET invite_role = ? WHERE id = ?', [roleOf(invite), id]);
  for (const [userId, level] of Object.entries(users)) {
    await tx.execute(
      `UPDATE memberships JOIN users ON users.id = user_id SET role = ? WHERE room_id = ? AND username = ?`,
      [roleOf(level), id, usernameOf(userId)],
    );
  }
}
