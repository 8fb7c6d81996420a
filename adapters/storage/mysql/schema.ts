import { StorageUnavailableError } from '../../../src/errors.ts';
import { MAX_EVENT_ID_BYTES, MAX_ID_BYTES, numberAt } from './encoding.ts';
import type { Session } from './session.ts';

/** The statements from each version of the tables to the next. A released one never changes. */
const VERSIONS: readonly ((prefix: string) => readonly string[])[] = [tablesOf];

/** The name of the lock of migrations, which all databases of a server share. */
const MIGRATION_LOCK = 'express-matrix-invite';

/** Seconds to wait for another process that migrates. */
const MIGRATION_LOCK_SECONDS = 60;

/**
 * Returns the SQL that creates the tables of `MysqlStorage`, for host apps that run their own migrations: one statement
 * each. After that, `migrate()` has nothing to do.
 *
 * A room is its log: the current event of a key is the newest one with it. An append is therefore one row, and one
 * statement that is its own transaction:
 *
 * - A read compares the basis and finds the room's last position, in one consistent read. It locks nothing.
 * - The row is inserted at the next position. The primary key refuses it if another change of the room came first, and
 *   then the basis is compared again. So nothing can change between the comparison and the insert.
 * - No transaction waits for this process, so a process that hangs or is killed holds no lock, and nothing of an append
 *   can be left behind.
 * - A position is taken only after the one before it is committed. The commits of a room are in the order of their
 *   positions: a reader that remembers a position never misses an event.
 *
 * In IDs, a backslash is stored as `\\`, NUL as `\0`, and a lone surrogate as `\u` and its four hexadecimal digits. Their
 * columns are binary: `utf8mb4_bin` ignores spaces at the end, and other collations ignore more. Content is stored as the
 * bytes of its JSON: a `JSON` column reorders keys and rounds numbers.
 *
 * @param tablePrefix the prefix of the names of tables, optionally after a database (default `matrix_`)
 * @param after the version that exists already (default 0: nothing)
 * @throws {TypeError} if the prefix cannot start a name
 * @see [errors, Stores](../../../docs/errors.md#stores)
 */
export function mysqlSchema(tablePrefix?: string, after = 0): readonly string[] {
  const prefix = mysqlTablePrefix(tablePrefix);
  return VERSIONS.slice(after).flatMap((statements) => statements(prefix));
}

/**
 * Returns the prefix, or the default one.
 *
 * @throws {TypeError} if the prefix cannot start a name
 */
export function mysqlTablePrefix(prefix = 'matrix_'): string {
  if (typeof prefix !== 'string' || !/^(?=.{1,50}$)(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/.test(prefix)) {
    throw new TypeError(
      'MysqlStorage: tablePrefix must start with a lowercase letter or _ and contain only lowercase letters, digits and _, optionally after the name of a database and a dot, at most 50 in all',
    );
  }
  return prefix;
}

/**
 * Brings the tables up to date. Processes take turns. Each statement commits by itself, so a version is recorded after
 * its tables exist, and its statements can be repeated.
 */
export async function migrate(session: Session, tablePrefix: string): Promise<void> {
  // Inside a transaction of the host app, CREATE TABLE would commit it.
  const [lock] = await session.select('SELECT GET_LOCK(?, ?)', [MIGRATION_LOCK, MIGRATION_LOCK_SECONDS]);
  if (lock === undefined || numberAt(lock, 0) !== 1) {
    throw new StorageUnavailableError('Another process is still migrating', { isNotStored: true });
  }
  try {
    const table = `${tablePrefix}schema`;
    await session.run(`CREATE TABLE IF NOT EXISTS ${table} (version INT NOT NULL) ENGINE = InnoDB`);
    const [row] = await session.select(`SELECT COALESCE(MAX(version), 0) FROM ${table}`, []);
    const installed = row === undefined ? 0 : numberAt(row, 0);
    for (const statement of mysqlSchema(tablePrefix, installed)) await session.run(statement);
  } finally {
    await session.run('DO RELEASE_LOCK(?)', [MIGRATION_LOCK]).catch(() => {});
  }
}

function tablesOf(prefix: string): readonly string[] {
  const id = `VARBINARY(${MAX_ID_BYTES}) NOT NULL`;
  return [
    `
CREATE TABLE IF NOT EXISTS ${prefix}schema (version INT NOT NULL) ENGINE = InnoDB`,
    `
CREATE TABLE IF NOT EXISTS ${prefix}events (
  room_id ${id},
  position BIGINT NOT NULL,
  type ${id},
  state_key ${id},
  event_id VARBINARY(${MAX_EVENT_ID_BYTES}) NOT NULL,
  sender ${id},
  origin_server_ts BIGINT NOT NULL,
  content LONGBLOB NOT NULL,
  PRIMARY KEY (room_id, position),
  KEY state (room_id, type, state_key, position)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
    `
CREATE TABLE IF NOT EXISTS ${prefix}pending_addresses (
  room_id ${id},
  address_hash VARBINARY(64) NOT NULL,
  claim_id VARBINARY(36) NOT NULL,
  claimed_until DATETIME(3) NOT NULL,
  token VARBINARY(255),
  invite BLOB,
  PRIMARY KEY (room_id, address_hash)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
    `
INSERT INTO ${prefix}schema VALUES (1)`,
  ];
}
