import type mysql from 'mysql2/promise';
import { MysqlStorage } from '../../adapters/storage/mysql/index.ts';
import { roomIdOf, roomState } from '../server/rooms.ts';
import type { Case } from './case.ts';

/** Creates the rooms that `bench/server/stores.ts` creates in memory. */
export async function seedMysql(
  pool: mysql.Pool,
  tablePrefix: string,
  { rooms, members, levels }: Pick<Case, 'rooms' | 'members' | 'levels'>,
): Promise<void> {
  const storage = new MysqlStorage(pool, { tablePrefix });
  await storage.migrate();
  const state = roomState(members, levels);
  for (let index = 0; index < rooms; index += 1) await storage.createRoom({ roomId: roomIdOf(index), state });
  await pool.query(`ANALYZE TABLE ${tablePrefix}events`);
}

export async function dropMysql(pool: mysql.Pool, tablePrefix: string): Promise<void> {
  await pool.query(`DROP TABLE ${tablePrefix}schema, ${tablePrefix}events`);
}

export async function countMysql(pool: mysql.Pool, tablePrefix: string): Promise<number> {
  const [rows] = await pool.query<mysql.RowDataPacket[]>(
    `SELECT COUNT(*) AS count FROM ${tablePrefix}events`,
  );
  return Number(rows[0]?.count);
}
