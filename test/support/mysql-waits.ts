import type mysql from 'mysql2/promise';

/**
 * Returns true if a statement waits for a lock of InnoDB. `information_schema.innodb_trx` is a copy that is not renewed while
 * one polls it.
 */
export async function hasLockWait(pool: mysql.Pool): Promise<boolean> {
  const [rows] = await pool.query<mysql.RowDataPacket[]>(
    `SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'`,
  );
  return rows[0]?.Value !== '0';
}
