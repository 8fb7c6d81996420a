import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Pool, PoolClient } from 'pg';
import { type Rows, roomNumberOf, stateOf, usernameOf, usernamesIn } from './matrix.ts';

/** Runs `work` in a transaction that holds the room's lock. Your own joins, bans and role changes go through it too. */
export async function inRoom<T>(
  pool: Pool,
  roomId: string,
  work: (tx: PoolClient) => Promise<T>,
): Promise<T> {
  const tx = await pool.connect();
  try {
    await tx.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    await tx.query('SELECT id FROM rooms WHERE id = $1 FOR UPDATE', [roomNumberOf(roomId)]);
    const result = await work(tx);
    await tx.query('COMMIT');
    tx.release();
    return result;
  } catch (error) {
    // A connection that cannot roll back is closed, and the server rolls back.
    await tx.query('ROLLBACK').then(
      () => tx.release(),
      () => tx.release(true),
    );
    throw error;
  }
}

/** Serialization failure and deadlock: the transaction was rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);

export function pgStorage(pool: Pool): StorageAdapter {
  return transactionalStorage<PoolClient>({
    transact: (roomId, work) => inRoom(pool, roomId, work),

    async readState(tx, roomId, keys) {
      const id = roomNumberOf(roomId);
      const rooms = await tx.query<NonNullable<Rows['room']>>(
        `SELECT username AS owner, invite_role FROM rooms JOIN users ON users.id = owner_id WHERE rooms.id = $1`,
        [id],
      );
      const members = await tx.query<Rows['members'][number]>(
        `SELECT users.username, status, invite, changers.username AS changed_by
         FROM memberships
         JOIN users ON users.id = user_id
         JOIN users AS changers ON changers.id = changed_by
         WHERE room_id = $1 AND users.username = ANY ($2)`,
        [id, usernamesIn(keys)],
      );
      const privileged = await tx.query<Rows['privileged'][number]>(
        `SELECT username, role FROM memberships JOIN users ON users.id = user_id
         WHERE room_id = $1 AND role IN ('moderator', 'owner') ORDER BY user_id`,
        [id],
      );
      return stateOf(keys, { room: rooms.rows[0], members: members.rows, privileged: privileged.rows });
    },

    async insert(tx, event) {
      const { rowCount } = await tx.query(
        `INSERT INTO memberships (room_id, user_id, status, changed_by, invite)
         SELECT $1, invitee.id, 'invited', inviter.id, $4 FROM users AS invitee, users AS inviter
         WHERE invitee.username = $2 AND inviter.username = $3
         ON CONFLICT (room_id, user_id) DO UPDATE
         SET status = EXCLUDED.status, changed_by = EXCLUDED.changed_by, invite = EXCLUDED.invite`,
        [
          roomNumberOf(event.room_id),
          usernameOf(event.state_key),
          usernameOf(event.sender),
          JSON.stringify(event.content),
        ],
      );
      if (rowCount === 0) throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
    },

    isConflict: (error) => CONFLICTS.has((error as { code?: unknown } | undefined)?.code),
  });
}
