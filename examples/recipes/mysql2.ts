import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise';
import { type Rows, roomNumberOf, stateOf, usernameOf, usernamesIn } from './matrix.ts';

/** Runs `work` in a transaction that holds the room's lock. Your own joins, bans and role changes go through it too. */
export async function inRoom<T>(
  pool: Pool,
  roomId: string,
  work: (tx: PoolConnection) => Promise<T>,
): Promise<T> {
  const tx = await pool.getConnection();
  try {
    await tx.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await tx.beginTransaction();
    await tx.execute('SELECT id FROM rooms WHERE id = ? FOR UPDATE', [roomNumberOf(roomId)]);
    const result = await work(tx);
    await tx.commit();
    tx.release();
    return result;
  } catch (error) {
    // A connection that cannot roll back is closed, and the server rolls back.
    await tx.rollback().then(
      () => tx.release(),
      () => tx.destroy(),
    );
    throw error;
  }
}

async function select<Row>(tx: PoolConnection, sql: string, values: (string | number)[]): Promise<Row[]> {
  const [rows] = await tx.execute<(Row & RowDataPacket)[]>(sql, values);
  return rows;
}

export function mysql2Storage(pool: Pool): StorageAdapter {
  return transactionalStorage<PoolConnection>({
    transact: (roomId, work) => inRoom(pool, roomId, work),

    async readState(tx, roomId, keys) {
      const id = roomNumberOf(roomId);
      const [room] = await select<NonNullable<Rows['room']>>(
        tx,
        `SELECT username AS owner, invite_role FROM rooms JOIN users ON users.id = owner_id WHERE rooms.id = ?`,
        [id],
      );
      const names = usernamesIn(keys);
      const members = await select<Rows['members'][number]>(
        tx,
        `SELECT users.username, status, invite, changers.username AS changed_by
         FROM memberships
         JOIN users ON users.id = user_id
         JOIN users AS changers ON changers.id = changed_by
         WHERE room_id = ? AND users.username IN (${names.map(() => '?').join(', ')})`,
        [id, ...names],
      );
      const privileged = await select<Rows['privileged'][number]>(
        tx,
        `SELECT username, role FROM memberships JOIN users ON users.id = user_id
         WHERE room_id = ? AND role IN ('moderator', 'owner') ORDER BY user_id`,
        [id],
      );
      return stateOf(keys, { room, members, privileged });
    },

    async insert(tx, event) {
      const idOf = (userId: string) =>
        select<{ id: number }>(tx, 'SELECT id FROM users WHERE username = ?', [usernameOf(userId)]);
      const [[invitee], [inviter]] = [await idOf(event.state_key), await idOf(event.sender)];
      if (invitee === undefined || inviter === undefined) {
        throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
      }
      await tx.execute(
        `INSERT INTO memberships (room_id, user_id, status, changed_by, invite) VALUES (?, ?, 'invited', ?, ?)
         ON DUPLICATE KEY UPDATE
         status = VALUES(status), changed_by = VALUES(changed_by), invite = VALUES(invite)`,
        [roomNumberOf(event.room_id), invitee.id, inviter.id, JSON.stringify(event.content)],
      );
    },

    // A deadlock: the transaction was rolled back.
    isConflict: (error) => (error as { errno?: unknown } | undefined)?.errno === 1213,
  });
}
