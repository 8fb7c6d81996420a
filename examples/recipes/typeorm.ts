import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import { type DataSource, type EntityManager, EntitySchema, In } from 'typeorm';
import { type Role, roomNumberOf, type Status, stateOf, usernameOf, usernamesIn } from './matrix.ts';

type User = { id: number; username: string };
type Room = { id: number; owner: User; invite_role: Role };
type Membership = {
  room_id: number;
  user_id: number;
  user: User;
  role: Role;
  status: Status;
  changed_by: number;
  changer: User;
  invite: string | null;
};

const User = new EntitySchema<User>({
  name: 'User',
  tableName: 'users',
  columns: { id: { type: Number, primary: true, generated: true }, username: { type: String } },
});
const Room = new EntitySchema<Room>({
  name: 'Room',
  tableName: 'rooms',
  columns: { id: { type: Number, primary: true, generated: true }, invite_role: { type: String } },
  relations: { owner: { type: 'many-to-one', target: 'User', joinColumn: { name: 'owner_id' } } },
});
const Membership = new EntitySchema<Membership>({
  name: 'Membership',
  tableName: 'memberships',
  columns: {
    room_id: { type: Number, primary: true },
    user_id: { type: Number, primary: true },
    role: { type: String, default: 'member' },
    status: { type: String },
    changed_by: { type: Number },
    invite: { type: String, nullable: true },
  },
  relations: {
    user: { type: 'many-to-one', target: 'User', joinColumn: { name: 'user_id' } },
    changer: { type: 'many-to-one', target: 'User', joinColumn: { name: 'changed_by' } },
  },
});

/** For the option `entities` of the DataSource. */
export const entities = [User, Room, Membership];

/** PostgreSQL's serialization failure and deadlock, and MariaDB's deadlock: the transaction was rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01', 'ER_LOCK_DEADLOCK']);

export function typeormStorage(database: DataSource): StorageAdapter {
  return transactionalStorage<EntityManager>({
    transact: (roomId, work) =>
      database.transaction('READ COMMITTED', async (tx) => {
        const id = roomNumberOf(roomId);
        await tx.findOne(Room, { select: { id: true }, where: { id }, lock: { mode: 'pessimistic_write' } });
        return work(tx);
      }),

    async readState(tx, roomId, keys) {
      const room_id = roomNumberOf(roomId);
      const room = await tx.findOne(Room, { where: { id: room_id }, relations: { owner: true } });
      const members = await tx.find(Membership, {
        where: { room_id, user: { username: In(usernamesIn(keys)) } },
        relations: { user: true, changer: true },
      });
      const privileged = await tx.find(Membership, {
        where: { room_id, role: In(['moderator', 'owner']) },
        relations: { user: true },
        order: { user_id: 'ASC' },
      });
      return stateOf(keys, {
        room: room ? { ...room, owner: room.owner.username } : undefined,
        members: members.map((row) => ({
          ...row,
          username: row.user.username,
          changed_by: row.changer.username,
        })),
        privileged: privileged.map(({ user, role }) => ({ username: user.username, role })),
      });
    },

    async insert(tx, event) {
      const invitee = await tx.findOneBy(User, { username: usernameOf(event.state_key) });
      const inviter = await tx.findOneByOrFail(User, { username: usernameOf(event.sender) });
      if (invitee === null) throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
      await tx.upsert(
        Membership,
        {
          room_id: roomNumberOf(event.room_id),
          user_id: invitee.id,
          status: 'invited',
          changed_by: inviter.id,
          invite: JSON.stringify(event.content),
        },
        ['room_id', 'user_id'],
      );
    },

    isConflict: (error) =>
      CONFLICTS.has((error as { driverError?: { code?: unknown } } | undefined)?.driverError?.code),
  });
}
