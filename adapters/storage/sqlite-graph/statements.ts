/** Returns the statements on the tables of rooms that federate, for the tables of a prefix. */
export function statementsOn(prefix: string) {
  const events = `${prefix}graph_events`;
  const tips = `${prefix}graph_tips`;
  const built = `${prefix}graph_built`;
  return {
    version: `SELECT room_version FROM ${prefix}graph_rooms WHERE room_id = ?`,
    addRoom: `INSERT INTO ${prefix}graph_rooms (room_id, room_version) VALUES (?, ?)`,
    // CROSS JOIN keeps the order of the keys, and makes it one lookup for each.
    current: `SELECT g.event_id, g.pdu FROM json_each(?) AS k
CROSS JOIN ${prefix}state AS s ON s.room_id = ? AND s.type = k.value AND s.state_key = k.key
CROSS JOIN ${events} AS g ON g.position = s.position`,
    // A server name contains nothing that JSON escapes. A user ID's server starts after the first colon.
    joinedMember: `SELECT 1 AS found FROM ${prefix}state AS s
JOIN ${prefix}events AS e ON e.position = s.position
WHERE s.room_id = ? AND s.type = 'm.room.member'
  AND substr(s.state_key, instr(s.state_key, ':') + 1) = ? AND instr(s.state_key, ':') > 0
  AND json_extract(e.content, '$.membership') = 'join' LIMIT 1`,
    hasEvent: `SELECT 1 AS found FROM ${events} WHERE event_id = ?`,
    addEvent: `INSERT INTO ${events} (position, event_id, pdu) VALUES (?, ?, ?)`,
    addTip: `INSERT INTO ${tips} (room_id, event_id, depth) VALUES (?, ?, ?)`,
    removeTips: `DELETE FROM ${tips} WHERE room_id = ? AND event_id IN (SELECT value FROM json_each(?))`,
    tips: `SELECT g.event_id, g.pdu FROM ${tips} AS t JOIN ${events} AS g ON g.event_id = t.event_id
WHERE t.room_id = ?
ORDER BY t.event_id IN (SELECT value FROM json_each(?)) DESC, t.depth DESC LIMIT ?`,
    page: `SELECT g.event_id, g.pdu, g.position FROM ${prefix}events AS e
JOIN ${events} AS g ON g.position = e.position
WHERE e.room_id = ? AND e.position > ? ORDER BY e.position LIMIT ?`,
    built: `SELECT event_id, pdu, built_at FROM ${built}
WHERE room_id = ? AND type = ? AND state_key = ? AND sender = ? ORDER BY number`,
    addBuilt: `INSERT INTO ${built} (event_id, room_id, type, state_key, sender, pdu, built_at)
VALUES (?, ?, ?, ?, ?, ?, ?)`,
    removeBuilt: `DELETE FROM ${built} WHERE event_id = ?`,
    builtUntil: `SELECT room_id, event_id, pdu, built_at FROM ${built}
WHERE built_at <= ? ORDER BY built_at, number LIMIT ?`,
  };
}
