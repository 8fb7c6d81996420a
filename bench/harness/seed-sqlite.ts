import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { ALICE, firstState } from '../server/rooms.ts';
import type { Case } from './case.ts';

/** Creates the rooms that `bench/server/stores.ts` creates in memory. Uses SQL, which is faster. */
export async function seedSqlite(
  file: string,
  { rooms, members, levels }: Pick<Case, 'rooms' | 'members' | 'levels'>,
): Promise<void> {
  const database = new DatabaseSync(file);
  await new SqliteStorage(database).migrate();
  database.exec('PRAGMA cache_size = -400000; BEGIN');
  database
    .prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
       INSERT INTO matrix_rooms SELECT '!room' || n || ':example.org' FROM numbers`,
    )
    .run(rooms);
  for (const { type, state_key, content } of firstState(levels)) {
    database
      .prepare(
        `INSERT INTO matrix_events (event_id, room_id, type, state_key, sender, origin_server_ts, content)
         SELECT ${EVENT_ID}, room_id, ?, ?, ?, 1, ? FROM matrix_rooms`,
      )
      .run(type, state_key, ALICE, JSON.stringify(content));
  }
  if (members > 0) {
    database
      .prepare(
        `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
         INSERT INTO matrix_events (event_id, room_id, type, state_key, sender, origin_server_ts, content)
         SELECT ${EVENT_ID}, room_id, 'm.room.member', '@member' || n || ':example.org', ?, 1, '{"membership":"join"}'
         FROM matrix_rooms, numbers`,
      )
      .run(members, ALICE);
  }
  database.exec(`INSERT INTO matrix_state (room_id, type, state_key, position)
    SELECT room_id, type, state_key, position FROM matrix_events ORDER BY room_id, type, state_key`);
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize');
  database.close();
}

export function countSqlite(file: string): number {
  const database = new DatabaseSync(file);
  const { count } = database.prepare('SELECT count(*) AS count FROM matrix_events').get() as {
    count: number;
  };
  database.close();
  return count;
}

/** Makes IDs about as long as those of room version 4 and later. */
const EVENT_ID = `'$' || lower(hex(randomblob(21)))`;
