import { AS_TEXT, inReadCommitted, type PostgresClient } from './pool.ts';

/** The script from each version of the tables to the next. A released script never changes. */
const VERSIONS: readonly ((prefix: string) => string)[] = [
  (prefix) => tablesOf(prefix) + checkFunctionOf(prefix) + readFunctionOf(prefix) + appendFunctionOf(prefix),
  (prefix) => `
CREATE TABLE ${prefix}pending_addresses (
  room_id text COLLATE "C" NOT NULL,
  address_hash text COLLATE "C" NOT NULL,
  claim_id text COLLATE "C" NOT NULL,
  claimed_until timestamptz NOT NULL,
  token text COLLATE "C",
  invite text,
  PRIMARY KEY (room_id, address_hash)
);
UPDATE ${prefix}schema SET version = 2;
`,
];

/** The advisory lock of migrations: "matrix" in ASCII, a number that others are unlikely to use. */
const MIGRATION_LOCK = 0x6d6174726978;

/**
 * Returns the SQL that creates the tables of `PostgresStorage`, for host apps that run their own migrations: one script
 * for each version, to be run in a transaction. After that, `migrate()` has nothing to do.
 *
 * Every change of a room locks the room's row first and keeps the lock until its commit, so that the changes of one
 * room happen one after the other:
 *
 * - An invite's basis is compared once the lock is held. The comparison is a separate statement, inside a function,
 *   because under READ COMMITTED each statement of a function sees what was committed when that statement began. In one
 *   statement with the lock it would see the state from before the wait: PostgreSQL looks again only at the row that it
 *   waited for.
 * - A key that was absent has no row to lock. The room's row stands in for it.
 * - A transaction takes one lock only, so that two people who invite each other cannot wait for each other.
 * - Positions in the timeline are assigned under the lock, so that a room's commits are in the order of their
 *   positions: a reader that remembers a position never misses an event.
 * - If the default isolation level is REPEATABLE READ or SERIALIZABLE, a statement that waited for the row fails with
 *   40001 and is run again in a READ COMMITTED transaction.
 *
 * In IDs, a backslash is stored as `\\`, NUL as `\0`, and a lone surrogate as `\u` and its four hexadecimal digits. Content
 * is stored as JSON in a `text` column: `jsonb` rounds nothing, but rejects NUL and reorders keys. All columns that are
 * compared collate by bytes.
 *
 * @param tablePrefix the prefix of the names of tables and functions, optionally after a schema (default `matrix_`)
 * @param after the version that exists already (default 0: nothing)
 * @throws {TypeError} if the prefix cannot start a name
 * @see [errors, Stores](../../../docs/errors.md#stores)
 */
export function postgresSchema(tablePrefix?: string, after = 0): readonly string[] {
  const prefix = postgresTablePrefix(tablePrefix);
  return VERSIONS.slice(after).map((script) => script(prefix));
}

/**
 * Returns the prefix, or the default one.
 *
 * @throws {TypeError} if the prefix cannot start a name, or leaves too few of PostgreSQL's 63 bytes
 */
export function postgresTablePrefix(prefix = 'matrix_'): string {
  if (typeof prefix !== 'string' || !/^(?=.{1,40}$)(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/.test(prefix)) {
    throw new TypeError(
      'PostgresStorage: tablePrefix must start with a lowercase letter or _ and contain only lowercase letters, digits and _, optionally after the name of a schema and a dot, at most 40 in all',
    );
  }
  return prefix;
}

/**
 * Brings the tables up to date. The lock belongs to the transaction, so that processes take turns, even behind a pooler
 * in transaction mode. A process that waited sees what the one before it has committed.
 */
export async function migrate(client: PostgresClient, tablePrefix: string): Promise<void> {
  await inReadCommitted(client, async () => {
    await client.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [MIGRATION_LOCK] });
    const installed = await installedVersion(client, `${tablePrefix}schema`);
    for (const script of postgresSchema(tablePrefix, installed)) await client.query({ text: script });
  });
}

async function installedVersion(client: PostgresClient, table: string): Promise<number> {
  const found = await client.query({
    text: 'SELECT to_regclass($1)::text AS name',
    values: [table],
    types: AS_TEXT,
  });
  if (found.rows[0]?.name === null) return 0;
  const { rows } = await client.query({
    text: `SELECT coalesce(max(version), 0)::text AS version FROM ${table}`,
    types: AS_TEXT,
  });
  return Number(rows[0]?.version);
}

function tablesOf(prefix: string): string {
  return `
CREATE TABLE ${prefix}schema (version integer NOT NULL);
INSERT INTO ${prefix}schema VALUES (1);
CREATE TABLE ${prefix}rooms (
  room_id text COLLATE "C" PRIMARY KEY,
  event_ids_have_domain boolean NOT NULL,
  last_position bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE ${prefix}events (
  room_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  state_key text NOT NULL,
  sender text NOT NULL,
  origin_server_ts bigint NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (room_id, position)
);
CREATE TABLE ${prefix}state (
  room_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  state_key text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  sender text NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (room_id, type, state_key)
);
`;
}

/**
 * Fails if the host app has changed the connection's encoding: pg sends and reads UTF-8 whatever the encoding is, so that
 * IDs and contents would be stored as other characters. STABLE, so that a query evaluates it before it reads any row.
 */
function checkFunctionOf(prefix: string): string {
  return `
CREATE FUNCTION ${prefix}check_encoding() RETURNS boolean LANGUAGE plpgsql STABLE AS $body$
BEGIN
  IF current_setting('client_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'client_encoding must be UTF8' USING ERRCODE = 'MXENC';
  END IF;
  RETURN true;
END
$body$;
`;
}

/*
 * Both functions look up each key separately, in the index, whatever the planner assumes about the tables. It plans once
 * for each connection, possibly when the tables or the rooms were still small: then it would read a whole table, or all
 * members of a room, for each invite. `LIMIT 1` and `enable_seqscan` prevent that.
 */

/**
 * Returns the current events under some keys of some rooms, with the number of the room, and a row without an event for
 * each room that exists.
 */
function readFunctionOf(prefix: string): string {
  return `
CREATE FUNCTION ${prefix}read_state(
  p_room_ids text[], p_rooms integer[], p_types text[], p_state_keys text[]
) RETURNS TABLE (room integer, type text, state_key text, event_id text, sender text, content text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $body$
#variable_conflict use_column
BEGIN
  IF current_setting('client_encoding') <> 'UTF8' THEN
    PERFORM ${prefix}check_encoding();
  END IF;
  RETURN QUERY
    SELECT asked.room::integer, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text
    FROM unnest(p_room_ids) WITH ORDINALITY AS asked (room_id, room)
    WHERE EXISTS (SELECT 1 FROM ${prefix}rooms AS stored WHERE stored.room_id = asked.room_id)
    UNION ALL
    SELECT wanted.room, found.*
    FROM unnest(p_rooms, p_types, p_state_keys) AS wanted (room, type, state_key)
    CROSS JOIN LATERAL (
      SELECT state.type, state.state_key, state.event_id, state.sender, state.content
      FROM ${prefix}state AS state
      WHERE state.room_id = p_room_ids[wanted.room] AND state.type = wanted.type
        AND state.state_key = wanted.state_key
      LIMIT 1
    ) AS found;
END
$body$;
`;
}

/**
 * Stores an event at the next position if the basis still holds, and returns its ID. Returns `NULL` if the basis is
 * stale or the room does not exist. If `p_waits` is false, returns an empty string if another transaction holds the
 * lock or the room does not exist. In the basis, an absent event has an empty ID: with `array_nulls` off, PostgreSQL reads
 * a NULL in an array as a string. The event is durable once the response arrives, even if the connection's default is
 * to respond before the data is on disk.
 */
function appendFunctionOf(prefix: string): string {
  return `
CREATE FUNCTION ${prefix}append_event(
  p_room_id text, p_event_id text, p_domain text, p_type text, p_state_key text, p_sender text,
  p_origin_server_ts bigint, p_content text, p_waits boolean, p_lock_timeout_ms integer,
  p_basis_types text[], p_basis_state_keys text[], p_basis_event_ids text[]
) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off AS $body$
DECLARE
  v_position bigint;
  v_has_domain boolean;
  v_event_id text := p_event_id;
BEGIN
  IF current_setting('client_encoding') <> 'UTF8' THEN
    PERFORM ${prefix}check_encoding();
  END IF;
  PERFORM set_config('lock_timeout', p_lock_timeout_ms::text, true);
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  IF p_waits THEN
    SELECT last_position + 1, event_ids_have_domain INTO v_position, v_has_domain
      FROM ${prefix}rooms WHERE room_id = p_room_id FOR NO KEY UPDATE;
  ELSE
    SELECT last_position + 1, event_ids_have_domain INTO v_position, v_has_domain
      FROM ${prefix}rooms WHERE room_id = p_room_id FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  IF NOT FOUND THEN
    RETURN CASE WHEN p_waits THEN NULL ELSE '' END;
  END IF;
  IF EXISTS (
    SELECT 1
    FROM unnest(p_basis_types, p_basis_state_keys, p_basis_event_ids) AS basis (type, state_key, event_id)
    LEFT JOIN LATERAL (
      SELECT state.event_id FROM ${prefix}state AS state
      WHERE state.room_id = p_room_id AND state.type = basis.type AND state.state_key = basis.state_key
      LIMIT 1
    ) AS stored ON true
    WHERE stored.event_id IS DISTINCT FROM nullif(basis.event_id, '')
  ) THEN
    RETURN NULL;
  END IF;
  IF v_has_domain THEN
    v_event_id := v_event_id || ':' || p_domain;
  END IF;
  UPDATE ${prefix}rooms SET last_position = v_position WHERE room_id = p_room_id;
  INSERT INTO ${prefix}events VALUES
    (p_room_id, v_position, v_event_id, p_type, p_state_key, p_sender, p_origin_server_ts, p_content);
  INSERT INTO ${prefix}state VALUES
    (p_room_id, p_type, p_state_key, v_position, v_event_id, p_sender, p_content)
    ON CONFLICT (room_id, type, state_key) DO UPDATE SET
      position = excluded.position, event_id = excluded.event_id, sender = excluded.sender,
      content = excluded.content;
  RETURN v_event_id;
END
$body$;
`;
}
