/** What the names of the tables start with, unless the host says otherwise. */
export const DEFAULT_TABLE_PREFIX = 'matrix_';

const TABLE_PREFIX = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The statements that lead from each version of the tables to the next. Released ones are never changed. */
const VERSIONS: readonly ((prefix: string) => string[])[] = [
  (prefix) => [
    `CREATE TABLE ${prefix}schema (version INTEGER NOT NULL)`,
    `INSERT INTO ${prefix}schema (version) VALUES (1)`,
    `CREATE TABLE ${prefix}rooms (room_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID`,
    // No unique index on event ids: nothing looks events up by them, chance keeps them apart (256 bits), and an index
    // in random order takes 10 µs of the 75 that a read and an append take.
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
];

/**
 * The statements that make the tables of `SqliteStorage`, for hosts that run migrations of their own; after them
 * `migrate()` has nothing left to do. They belong in one transaction.
 *
 * Ids, types and keys are stored as JSON writes them between the quotes (a backslash is `\\`, NUL is `\u0000`),
 * contents as JSON text.
 *
 * @param tablePrefix what the names of tables and indexes start with (default `matrix_`)
 * @param after the version that is there already (default 0: nothing)
 * @throws {TypeError} when the prefix is not a letter or `_`, followed by letters, digits and `_`
 * @see [errors, Stores](../../../docs/errors.md#stores)
 */
export function sqliteSchema(tablePrefix: string = DEFAULT_TABLE_PREFIX, after = 0): string[] {
  checkTablePrefix(tablePrefix);
  return VERSIONS.slice(after).flatMap((statements) => statements(tablePrefix));
}

/** @throws {TypeError} when the text cannot stand in a statement unquoted */
export function checkTablePrefix(tablePrefix: string): void {
  if (typeof tablePrefix !== 'string' || !TABLE_PREFIX.test(tablePrefix)) {
    throw new TypeError(
      `tablePrefix must be a letter or _, then letters, digits and _, not ${JSON.stringify(tablePrefix)}`,
    );
  }
}
