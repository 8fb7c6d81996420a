/** The statements from each version of the tables to the next. A released statement never changes. */
const VERSIONS: readonly ((prefix: string) => string[])[] = [
  (prefix) => [
    `CREATE TABLE ${prefix}schema (version INTEGER NOT NULL)`,
    `INSERT INTO ${prefix}schema (version) VALUES (1)`,
    `CREATE TABLE ${prefix}rooms (room_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID`,
    // No unique index on event IDs: nothing looks events up by ID, 256 random bits do not collide, and an index in
    // random order takes 10 µs of the 75 that a read and an append take.
    `CREATE TABLE ${prefix}events (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  room_id TEXT NOT NULL,
  type TEXT NOT NULL,
  state_key TEXT NOT NULL,
  sender TEXT NOT NULL,
  origin_server_ts INTEGER NOT NULL,
  content TEXT NOT NULL
)`,
    `CREATE INDEX ${prefix}events_by_room ON ${prefix}events (room_id, position)`,
    `CREATE TABLE ${prefix}state (
  room_id TEXT NOT NULL,
  type TEXT NOT NULL,
  state_key TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (room_id, type, state_key)
) WITHOUT ROWID`,
  ],
  (prefix) => [
    `CREATE TABLE ${prefix}pending_addresses (
  room_id TEXT NOT NULL,
  address_hash TEXT NOT NULL,
  claim_id TEXT NOT NULL,
  claimed_until INTEGER NOT NULL,
  token TEXT,
  invite TEXT,
  PRIMARY KEY (room_id, address_hash)
) WITHOUT ROWID`,
    `UPDATE ${prefix}schema SET version = 2`,
  ],
  // The rooms of SqliteGraphStorage.
  (prefix) => [
    `CREATE TABLE ${prefix}graph_rooms (
  room_id TEXT NOT NULL PRIMARY KEY,
  room_version TEXT NOT NULL
) WITHOUT ROWID`,
    `CREATE TABLE ${prefix}graph_events (
  position INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL UNIQUE,
  pdu TEXT NOT NULL
)`,
    `CREATE TABLE ${prefix}graph_tips (
  room_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  depth INTEGER NOT NULL,
  PRIMARY KEY (room_id, event_id)
) WITHOUT ROWID`,
    `CREATE TABLE ${prefix}graph_built (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  room_id TEXT NOT NULL,
  type TEXT NOT NULL,
  state_key TEXT NOT NULL,
  sender TEXT NOT NULL,
  pdu TEXT NOT NULL,
  built_at INTEGER NOT NULL
)`,
    `CREATE INDEX ${prefix}graph_built_by_key ON ${prefix}graph_built (room_id, type, state_key, sender)`,
    `CREATE INDEX ${prefix}graph_built_by_time ON ${prefix}graph_built (built_at, number)`,
    `UPDATE ${prefix}schema SET version = 3`,
  ],
];

/**
 * Returns the statements that create the tables of `SqliteStorage`, for host apps that run their own migrations. After
 * that, `migrate()` has nothing to do. Run them in one transaction.
 *
 * IDs, types and keys are stored as JSON writes them between the quotes (a backslash is `\\`, NUL is `\u0000`), contents
 * as JSON.
 *
 * @param tablePrefix the prefix of the names of tables and indexes (default `matrix_`)
 * @param after the version that exists already (default 0: nothing)
 * @throws {TypeError} if the prefix is not a letter or `_`, followed by letters, digits and `_`
 * @see [errors, Stores](../../../docs/errors.md#stores)
 */
export function sqliteSchema(tablePrefix?: string, after = 0): string[] {
  const prefix = sqliteTablePrefix(tablePrefix);
  return VERSIONS.slice(after).flatMap((statements) => statements(prefix));
}

/**
 * Returns the prefix, or the default one.
 *
 * @throws {TypeError} if the prefix cannot be part of a statement without quotes
 */
export function sqliteTablePrefix(prefix = 'matrix_'): string {
  if (typeof prefix !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(prefix)) {
    throw new TypeError(
      `SqliteStorage: tablePrefix must start with a letter or _ and contain only letters, digits and _, not ${JSON.stringify(prefix)}`,
    );
  }
  return prefix;
}
