import type pg from 'pg';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { ALICE, firstState } from '../server/rooms.ts';
import type { Case } from './case.ts';

/** The tables with the primary keys that `postgresSchema` gives them. */
const KEYS = [
  ['rooms', 'room_id'],
  ['events', 'room_id, position'],
  ['state', 'room_id, type, state_key'],
] as const;

/**
 * Creates the rooms that `bench/server/stores.ts` creates in memory. Uses SQL, which creates a million members in a
 * minute.
 */
export async function seedPostgres(
  pool: pg.Pool,
  tablePrefix: string,
  { rooms, members, levels }: Pick<Case, 'rooms' | 'members' | 'levels'>,
): Promise<void> {
  await new PostgresStorage(pool, { tablePrefix }).migrate();
  const firstEvents = firstState(levels);
  const first = firstEvents.length;
  // Creating the indexes once, at the end, takes a fraction of the time.
  for (const [table] of KEYS) {
    await pool.query(`ALTER TABLE ${tablePrefix}${table} DROP CONSTRAINT ${tablePrefix}${table}_pkey`);
  }
  await pool.query(
    `INSERT INTO ${tablePrefix}rooms (room_id, event_ids_have_domain, last_position)
     SELECT '!room' || room || ':example.org', false, $1::bigint FROM generate_series(0, $2::bigint - 1) AS room`,
    [first + members, rooms],
  );
  for (const [table, timeColumn] of [
    ['state', ''],
    ['events', ', origin_server_ts'],
  ] as const) {
    await pool.query(
      `INSERT INTO ${tablePrefix}${table} (room_id, type, state_key, position, event_id, sender, content${timeColumn})
       SELECT '!room' || room || ':example.org', type, state_key, position, ${eventId("room || '-' || position")}, $1, content
         ${timeColumn && ', 1'}
       FROM generate_series(0, $2::bigint - 1) AS room,
         unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS first (type, state_key, content, position)`,
      [
        ALICE,
        rooms,
        firstEvents.map(({ type }) => type),
        firstEvents.map(({ state_key }) => state_key),
        firstEvents.map(({ content }) => JSON.stringify(content)),
      ],
    );
    await pool.query(
      `INSERT INTO ${tablePrefix}${table} (room_id, type, state_key, position, event_id, sender, content${timeColumn})
       SELECT '!room' || room || ':example.org', 'm.room.member', '@member' || member || ':example.org',
         member + 1 + $4::bigint, ${eventId("room || '-m' || member")}, $1, '{"membership":"join"}' ${timeColumn && ', 1'}
       FROM generate_series(0, $2::bigint - 1) AS room, generate_series(0, $3::bigint - 1) AS member`,
      [ALICE, rooms, members, first],
    );
  }
  for (const [table, columns] of KEYS) {
    await pool.query(`ALTER TABLE ${tablePrefix}${table} ADD PRIMARY KEY (${columns})`);
    await pool.query(`VACUUM ANALYZE ${tablePrefix}${table}`);
  }
  // Otherwise the checkpoint would run during a measurement.
  await pool.query('CHECKPOINT');
}

export async function dropPostgres(pool: pg.Pool, tablePrefix: string): Promise<void> {
  const tables = ['schema', 'rooms', 'events', 'state'].map((name) => tablePrefix + name);
  await pool.query(`DROP TABLE ${tables.join(', ')}`);
  await pool.query(`DROP FUNCTION ${tablePrefix}append_event, ${tablePrefix}read_state`);
}

export async function countPostgres(pool: pg.Pool, tablePrefix: string): Promise<number> {
  const { rows } = await pool.query(`SELECT count(*)::integer AS count FROM ${tablePrefix}events`);
  return (rows[0] as { count: number }).count;
}

/** Makes IDs as long as those of room version 4 and later. */
function eventId(seed: string): string {
  return `'$' || substr(md5(${seed}) || md5('x' || ${seed}), 1, 43)`;
}
