import { MAX_EVENT_ID_BYTES, MAX_ID_BYTES } from './encoding.ts';

/**
 * The SQL on the tables of one prefix. Every `SELECT` has a `LIMIT`, because the host app may have set `sql_select_limit` on
 * the connection.
 */
export type Statements = ReturnType<typeof statementsOn>;

/** The byte in the first column of a `compareBases` row that reports a stale key. In the row of a room, it is 0. */
export const STALE = 1;

const NO_LIMIT = 'LIMIT 18446744073709551615';

/** A text column of JSON_TABLE. It is compared with binary columns, and therefore byte by byte. */
const text = (name: string, path: string, length = MAX_ID_BYTES) =>
  `${name} VARCHAR(${length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '${path}'`;

/** Returns a table from a parameter with the bytes of a JSON list: its rows are numbered from 1. */
const rowsOf = (...columns: string[]) =>
  `JSON_TABLE(CONVERT(? USING utf8mb4), '$[*]' COLUMNS (n FOR ORDINALITY, ${columns.join(', ')}))`;

export function statementsOn(prefix: string) {
  const events = `${prefix}events`;
  /** The newest event of a key, which the outer query names: one step in the index, however many there were. */
  const newest = (column: string, key: string) => `(
    SELECT newest.${column} FROM ${events} AS newest
    WHERE newest.room_id = ${key}.room_id AND newest.type = ${key}.type AND newest.state_key = ${key}.state_key
    ORDER BY newest.position DESC LIMIT 1
  )`;

  return {
    /**
     * From a list of rooms with their keys. Returns a row for each key, with its event if it has one, and whether the
     * room exists. A room that does not exist takes as long.
     */
    readState: `
SELECT CAST(wanted.n AS BINARY), CAST(first.position AS BINARY), event.type, event.state_key, event.event_id,
  event.sender, event.content
FROM ${rowsOf(
      text('room_id', '$[0]'),
      `NESTED PATH '$[1][*]' COLUMNS (${text('type', '$[0]')}, ${text('state_key', '$[1]')})`,
    )} AS wanted
LEFT JOIN ${events} AS first ON first.room_id = wanted.room_id AND first.position = 1
LEFT JOIN ${events} AS event
  ON event.room_id = wanted.room_id AND event.position = ${newest('position', 'wanted')}
${NO_LIMIT}`,

    /**
     * From a list of rooms and a list of bases. Returns a row for each room, with its last position and whether its
     * event IDs have a domain, and a row that starts with `STALE` for each key that is no longer as a basis shows it.
     */
    compareBases: `
SELECT X'00', CAST(room.n AS BINARY), CAST((
    SELECT last.position FROM ${events} AS last WHERE last.room_id = room.room_id ORDER BY last.position DESC LIMIT 1
  ) AS BINARY), CAST((
    SELECT LOCATE(X'3A', first.event_id) > 0 FROM ${events} AS first
    WHERE first.room_id = room.room_id AND first.position = 1
  ) AS BINARY)
FROM ${rowsOf(text('room_id', '$'))} AS room
UNION ALL
SELECT X'0${STALE}', CAST(basis.n AS BINARY), NULL, NULL
FROM ${rowsOf(
      text('room_id', '$[0]'),
      `NESTED PATH '$[1][*]' COLUMNS (${text('type', '$[0]')}, ${text('state_key', '$[1]')}, ${text('event_id', '$[2]', MAX_EVENT_ID_BYTES)})`,
    )} AS basis
WHERE basis.type IS NOT NULL AND IFNULL(${newest('event_id', 'basis')}, X'') <> basis.event_id
${NO_LIMIT}`,

    insert: `
INSERT INTO ${events} (room_id, position, type, state_key, event_id, sender, origin_server_ts, content) VALUES ?`,

    roomExists: `
SELECT 1 FROM ${events} WHERE room_id = ? AND position = 1 ${NO_LIMIT}`,

    roomState: `
SELECT CAST(event.position AS BINARY), CAST(event.origin_server_ts AS BINARY), event.type, event.state_key,
  event.event_id, event.sender, event.content
FROM ${events} AS event
WHERE event.room_id = ? AND NOT EXISTS (
  SELECT 1 FROM ${events} AS newer
  WHERE newer.room_id = event.room_id AND newer.type = event.type AND newer.state_key = event.state_key
    AND newer.position > event.position
)
${NO_LIMIT}`,

    /** Returns a row without an event if the room exists and has none after the position. */
    timeline: `
SELECT CAST(event.position AS BINARY), CAST(event.origin_server_ts AS BINARY), event.type, event.state_key,
  event.event_id, event.sender, event.content
FROM ${events} AS first
LEFT JOIN ${events} AS event ON event.room_id = first.room_id AND event.position > ?
WHERE first.room_id = ? AND first.position = 1
ORDER BY event.position LIMIT ?`,
  };
}
