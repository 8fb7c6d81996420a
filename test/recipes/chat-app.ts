import { type Role, roomNumberOf, type Status, usernameOf } from '../../examples/recipes/matrix.ts';
import type { SeedMembership, SeedPowerLevels, StorageHarness } from '../../src/testing/index.ts';
import type { Database, Query } from './database.ts';

const STATUSES: Readonly<Record<SeedMembership, Status>> = {
  join: 'joined',
  invite: 'invited',
  leave: 'left',
  ban: 'banned',
};
const ROLES: Readonly<Record<number, Role>> = { 0: 'member', 50: 'moderator', 100: 'owner' };
const role = (level: number): Role => ROLES[level] ?? 'member';
const parameters = (count: number, each = '?') => Array(count).fill(each).join(', ');

/** The app's own functions, which write the tables. */
export function chatApp(
  database: Database,
): Required<Pick<StorageHarness, 'createUsers' | 'createRoom' | 'setMembership' | 'setPowerLevels'>> {
  /** Everything that changes a room takes the lock that the recipes take. */
  const inRoom = (roomId: string, work: (query: Query, id: number) => Promise<void>) =>
    database.transact(async (query) => {
      const id = roomNumberOf(roomId);
      await query('SELECT id FROM rooms WHERE id = ? FOR UPDATE', [id]);
      await work(query, id);
    });

  return {
    async createUsers(userIds) {
      const names = userIds.map(usernameOf);
      await database.query(`INSERT INTO users (username) VALUES ${parameters(names.length, '(?)')}`, names);
    },

    createRoom: ({ creator, members, powerLevels }) =>
      database.transact(async (query) => {
        const [room] = await query(
          `INSERT INTO rooms (name, owner_id, invite_role)
           SELECT 'Cats', id, ? FROM users WHERE username = ? RETURNING id`,
          [role(powerLevels.invite), usernameOf(creator)],
        );
        const id = Number(room?.id);
        for (const membership of new Set(Object.values(members))) {
          const names = Object.keys(members)
            .filter((userId) => members[userId] === membership)
            .map(usernameOf);
          await query(
            `INSERT INTO memberships (room_id, user_id, status, changed_by)
             SELECT rooms.id, users.id, ?, owner_id FROM rooms, users
             WHERE rooms.id = ? AND username IN (${parameters(names.length)})`,
            [STATUSES[membership], id, ...names],
          );
        }
        await setRoles(query, id, powerLevels);
        return { roomId: `!${id}:example.org` };
      }),

    setMembership: (roomId, userId, membership, sender) =>
      inRoom(roomId, async (query, id) => {
        await query(
          `INSERT INTO memberships (room_id, user_id, status, changed_by)
           SELECT ?, users.id, ?, sender.id FROM users, users AS sender
           WHERE users.username = ? AND sender.username = ? ${database.replacingMembership}`,
          [id, STATUSES[membership], usernameOf(userId), usernameOf(sender)],
        );
      }),

    setPowerLevels: (roomId, levels) => inRoom(roomId, (query, id) => setRoles(query, id, levels)),
  };
}

async function setRoles(query: Query, id: number, { users, invite }: SeedPowerLevels): Promise<void> {
  await query('UPDATE rooms SET invite_role = ? WHERE id = ?', [role(invite), id]);
  for (const [userId, level] of Object.entries(users)) {
    await query(
      `UPDATE memberships SET role = ? WHERE room_id = ?
       AND user_id = (SELECT id FROM users WHERE username = ?)`,
      [role(level), id, usernameOf(userId)],
    );
  }
}
