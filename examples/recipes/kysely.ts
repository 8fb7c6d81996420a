import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Generated, Kysely, Transaction } from 'kysely';
import { type Role, roomNumberOf, type Status, stateOf, usernameOf, usernamesIn } from './matrix.ts';

export type Tables = {
  users: { id: Generated<number>; username: string };
  rooms: { id: Generated<number>; name: string; owner_id: number; invite_role: Role };
  memberships: {
    room_id: number;
    user_id: number;
    role: Generated<Role>;
    status: Status;
    changed_by: number;
    invite: string | null;
  };
};

/** PostgreSQL's serialization failure and deadlock, and MariaDB's deadlock: the transaction was rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01', 'ER_LOCK_DEADLOCK']);

export function kyselyStorage(database: Kysely<Tables>, dialect: 'postgres' | 'mysql'): StorageAdapter {
  return transactionalStorage<Transaction<Tables>>({
    transact: (roomId, work) =>
      database
        .transaction()
        .setIsolationLevel('read committed')
        .execute(async (tx) => {
          await tx
            .selectFrom('rooms')
            .select('id')
            .where('id', '=', roomNumberOf(roomId))
            .forUpdate()
            .execute();
          return work(tx);
        }),

    async readState(tx, roomId, keys) {
      const number = roomNumberOf(roomId);
      const room = await tx
        .selectFrom('rooms')
        .innerJoin('users as owner', 'owner.id', 'owner_id')
        .select(['owner.username as owner', 'invite_role'])
        .where('rooms.id', '=', number)
        .executeTakeFirst();
      const members = await tx
        .selectFrom('memberships')
        .innerJoin('users', 'users.id', 'user_id')
        .innerJoin('users as changer', 'changer.id', 'changed_by')
        .select(['users.username', 'status', 'invite', 'changer.username as changed_by'])
        .where('room_id', '=', number)
        .where('users.username', 'in', usernamesIn(keys))
        .execute();
      const privileged = await tx
        .selectFrom('memberships')
        .innerJoin('users', 'users.id', 'user_id')
        .select(['username', 'role'])
        .where('room_id', '=', number)
        .where('role', 'in', ['moderator', 'owner'])
        .orderBy('user_id')
        .execute();
      return stateOf(keys, { room, members, privileged });
    },

    async insert(tx, event) {
      const userOf = (userId: string) =>
        tx.selectFrom('users').select('id').where('username', '=', usernameOf(userId));
      const invitee = await userOf(event.state_key).executeTakeFirst();
      const inviter = await userOf(event.sender).executeTakeFirst();
      if (invitee === undefined || inviter === undefined) {
        throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
      }
      const change = {
        status: 'invited',
        changed_by: inviter.id,
        invite: JSON.stringify(event.content),
      } as const;
      const insert = tx
        .insertInto('memberships')
        .values({ room_id: roomNumberOf(event.room_id), user_id: invitee.id, ...change });
      await (dialect === 'mysql'
        ? insert.onDuplicateKeyUpdate(change)
        : insert.onConflict((conflict) => conflict.columns(['room_id', 'user_id']).doUpdateSet(change))
      ).execute();
    },

    isConflict: (error) => CONFLICTS.has((error as { code?: unknown } | undefined)?.code),
  });
}
