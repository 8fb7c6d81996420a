import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Knex } from 'knex';
import { roomNumberOf, stateOf, usernameOf, usernamesIn } from './matrix.ts';

/** PostgreSQL's serialization failure and deadlock, and MariaDB's deadlock: the transaction was rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01', 'ER_LOCK_DEADLOCK']);

export function knexStorage(knex: Knex): StorageAdapter {
  return transactionalStorage<Knex.Transaction>({
    transact: (roomId, work) =>
      knex.transaction(
        async (tx) => {
          await tx('rooms')
            .where({ id: roomNumberOf(roomId) })
            .forUpdate()
            .select('id');
          return work(tx);
        },
        { isolationLevel: 'read committed' },
      ),

    async readState(tx, roomId, keys) {
      const room_id = roomNumberOf(roomId);
      const room = await tx('rooms')
        .join('users as owner', 'owner.id', 'owner_id')
        .where({ 'rooms.id': room_id })
        .first('owner.username as owner', 'invite_role');
      const members = await tx('memberships')
        .join('users', 'users.id', 'user_id')
        .join('users as changer', 'changer.id', 'changed_by')
        .where({ room_id })
        .whereIn('users.username', usernamesIn(keys))
        .select('users.username', 'status', 'invite', 'changer.username as changed_by');
      const privileged = await tx('memberships')
        .join('users', 'users.id', 'user_id')
        .where({ room_id })
        .whereIn('role', ['moderator', 'owner'])
        .orderBy('user_id')
        .select('username', 'role');
      return stateOf(keys, { room, members, privileged });
    },

    async insert(tx, event) {
      const invitee = await tx('users')
        .where({ username: usernameOf(event.state_key) })
        .first('id');
      const inviter = await tx('users')
        .where({ username: usernameOf(event.sender) })
        .first('id');
      if (invitee === undefined) throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
      const change = { status: 'invited', changed_by: inviter.id, invite: JSON.stringify(event.content) };
      await tx('memberships')
        .insert({ room_id: roomNumberOf(event.room_id), user_id: invitee.id, ...change })
        .onConflict(['room_id', 'user_id'])
        .merge(change);
    },

    isConflict: (error) => CONFLICTS.has((error as { code?: unknown } | undefined)?.code),
  });
}
