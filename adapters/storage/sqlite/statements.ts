/**
 * The maximum size of a content that is read together with its event, in bytes. A larger one is read on first access:
 * 1 KB in the result costs about as much as another lookup.
 */
const MAX_INLINE_BYTES = 1_000;

/**
 * Returns the statements on the tables of a prefix.
 *
 * Events are returned as JSON. Their parts are stored as JSON writes them and only need to be concatenated: if the
 * driver built an object of eight columns for each row, that would take as long as the lookups. Contents are strings in
 * that JSON, to be parsed when they are needed, so that an unreadable one fails alone. A large one is replaced by its
 * position: its row never changes, so it can be read later.
 */
export function statementsOn(prefix: string) {
  const decisive =
    `"type":"' || e.type || '","state_key":"' || e.state_key || '","sender":"' || e.sender ||` +
    ` '","event_id":"' || e.event_id || '","content":' ||`;
  const content = 'json_quote(CAST(e.content AS TEXT))';
  const inline = `CASE WHEN octet_length(e.content) <= ${MAX_INLINE_BYTES} THEN ${content} ELSE e.position END`;
  const stripped = `'{${decisive} ${inline} || '}'`;
  const whole =
    `'{${decisive} ${content} ||` +
    ` ',"room_id":"' || e.room_id || '","origin_server_ts":' || e.origin_server_ts || '}'`;
  return {
    version: `SELECT version FROM ${prefix}schema`,
    room: `SELECT 1 AS found FROM ${prefix}rooms WHERE room_id = ?`,
    addRoom: `INSERT INTO ${prefix}rooms (room_id) VALUES (?)`,
    // CROSS JOIN makes SQLite keep this order: one lookup for each key. In place of a room that does not exist, it reads
    // the first room, which the caller throws away: otherwise the time would tell which rooms exist.
    currentEvents: `SELECT EXISTS (SELECT 1 FROM ${prefix}rooms WHERE room_id = ?) AS found,
  group_concat(${stripped}) AS events
FROM json_each(?) AS k
CROSS JOIN ${prefix}state AS s ON s.type = k.value AND s.state_key = k.key AND s.room_id = coalesce(
  (SELECT room_id FROM ${prefix}rooms WHERE room_id = ?), (SELECT min(room_id) FROM ${prefix}rooms))
CROSS JOIN ${prefix}events AS e ON e.position = s.position`,
    currentIds: `SELECT group_concat(coalesce('"' || e.event_id || '"', 'null')) AS ids
FROM json_each(?) AS k
LEFT JOIN ${prefix}state AS s ON s.room_id = ? AND s.type = k.value AND s.state_key = k.key
LEFT JOIN ${prefix}events AS e ON e.position = s.position`,
    content: `SELECT CAST(content AS TEXT) AS content FROM ${prefix}events WHERE position = ?`,
    state: `SELECT ${whole} AS event
FROM ${prefix}state AS s JOIN ${prefix}events AS e ON e.position = s.position
WHERE s.room_id = ? ORDER BY s.position`,
    page: `SELECT e.position, ${whole} AS event
FROM ${prefix}events AS e WHERE e.room_id = ? AND e.position > ? ORDER BY e.position LIMIT ?`,
    addEvent: `INSERT INTO ${prefix}events
  (event_id, room_id, type, state_key, sender, origin_server_ts, content) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    makeCurrent: `INSERT INTO ${prefix}state (room_id, type, state_key, position) VALUES (?, ?, ?, ?)
ON CONFLICT (room_id, type, state_key) DO UPDATE SET position = excluded.position`,
  };
}
