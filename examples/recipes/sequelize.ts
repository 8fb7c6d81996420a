import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import { DataTypes, type Model, type Sequelize, Transaction } from 'sequelize';
import { type Role, roomNumberOf, type Status, stateOf, usernameOf, usernamesIn } from './matrix.ts';

type User = Model & { id: number; username: string };
type Room = Model & { owner: User; invite_role: Role };
type Membership = Model & {
  user: User;
  changer: User;
  role: Role;
  status: Status;
  invite: string | null;
};

function modelsOf(sequelize: Sequelize) {
  const options = { timestamps: false };
  const User = sequelize.define<User>(
    'users',
    { id: { type: DataTypes.INTEGER, primaryKey: true }, username: DataTypes.STRING(64) },
    options,
  );
  const Room = sequelize.define<Room>(
    'rooms',
    { id: { type: DataTypes.INTEGER, primaryKey: true }, invite_role: DataTypes.STRING(16) },
    options,
  );
  const Membership = sequelize.define<Membership>(
    'memberships',
    {
      room_id: { type: DataTypes.INTEGER, primaryKey: true },
      user_id: { type: DataTypes.INTEGER, primaryKey: true },
      role: DataTypes.STRING(16),
      status: DataTypes.STRING(16),
      changed_by: DataTypes.INTEGER,
      invite: DataTypes.TEXT,
    },
    options,
  );
  Room.belongsTo(User, { as: 'owner', foreignKey: 'owner_id' });
  Membership.belongsTo(User, { as: 'user', foreignKey: 'user_id' });
  Membership.belongsTo(User, { as: 'changer', foreignKey: 'changed_by' });
  return { User, Room, Membership };
}

/** PostgreSQL's serialization failure and deadlock, and MariaDB's deadlock: the transaction was rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01', 'ER_LOCK_DEADLOCK']);

export function sequelizeStorage(sequelize: Sequelize): StorageAdapter {
  const { User, Room, Membership } = modelsOf(sequelize);
  return transactionalStorage<Transaction>({
    transact: (roomId, work) =>
      sequelize.transaction(
        { isolationLevel: Transaction.ISOLATION_LEVELS.READ_COMMITTED },
        async (transaction) => {
          await Room.findByPk(roomNumberOf(roomId), {
            attributes: ['id'],
            lock: transaction.LOCK.UPDATE,
            transaction,
          });
          return work(transaction);
        },
      ),

    async readState(transaction, roomId, keys) {
      const room_id = roomNumberOf(roomId);
      const room = await Room.findByPk(room_id, { include: 'owner', transaction });
      const members = await Membership.findAll({
        where: { room_id, '$user.username$': usernamesIn(keys) },
        include: ['user', 'changer'],
        transaction,
      });
      const privileged = await Membership.findAll({
        where: { room_id, role: ['moderator', 'owner'] },
        include: 'user',
        order: ['user_id'],
        transaction,
      });
      return stateOf(keys, {
        room: room ? { invite_role: room.invite_role, owner: room.owner.username } : undefined,
        members: members.map(({ user, status, invite, changer }) => ({
          username: user.username,
          status,
          invite,
          changed_by: changer.username,
        })),
        privileged: privileged.map(({ user, role }) => ({ username: user.username, role })),
      });
    },

    async insert(transaction, event) {
      const invitee = await User.findOne({ where: { username: usernameOf(event.state_key) }, transaction });
      const inviter = await User.findOne({ where: { username: usernameOf(event.sender) }, transaction });
      if (invitee === null) throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
      await Membership.upsert(
        {
          room_id: roomNumberOf(event.room_id),
          user_id: invitee.id,
          status: 'invited',
          changed_by: inviter?.id,
          invite: JSON.stringify(event.content),
        },
        { transaction },
      );
    },

    isConflict: (error) =>
      CONFLICTS.has((error as { parent?: { code?: unknown } } | undefined)?.parent?.code),
  });
}
