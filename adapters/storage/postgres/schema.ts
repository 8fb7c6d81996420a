/** What the names of tables and functions start with, unless said otherwise. */
export const DEFAULT_TABLE_PREFIX = 'matrix_';

/** @throws {TypeError} when the prefix cannot start a name, or leaves too little of PostgreSQL's 63 bytes */
export function checkTablePrefix(tablePrefix: string): void {
  if (typeof tablePrefix !== 'string' || !/^[a-z_][a-z0-9_]{0,39}$/.test(tablePrefix)) {
    throw new TypeError(
      'PostgresStorage: tablePrefix must be a lower-case letter or _, followed by at most 39 lower-case letters, digits and _',
    );
  }
}

/** What leads from each version of the tables to the next. Released ones are never changed. */
const VERSIONS: readonly ((prefix: string) => string)[] = [
  (prefix) => tablesOf(prefix) + readFunctionOf(prefix) + appendFunctionOf(prefix),
];

/**
 * The SQL that makes the tables of `PostgresStorage`, for hosts that run migrations of their own: a script for each
 * version, to be run in a transaction. After them `migrate()` has nothing left to do.
 *
 * Every change of a room locks the room's row first and keeps it until its commit, so that the changes of one room
 * come one after the other:
 *
 * - An invite's basis is compared after the lock is there. The comparison stands in a statement of its own, inside
 *   a function, because under READ COMMITTED each statement of a function sees what was committed when that
 *   statement began. In one statement with the lock it would see the state from before the wait: PostgreSQL looks
 *   again only at the row that it waited for.
 * - A key that was absent has no row to lock; the room's row stands in for it.
 * - There is one lock in a transaction, so that two people who invite each other cannot wait for each other.
 * - Positions in the timeline are given under the lock, so that a room's commits come in their order: a reader that
 *   remembers a position never misses an event.
 * - Where the default isolation is REPEATABLE READ or SERIALIZABLE, whoever waited for the row fails with 40001
 *   instead of going on, and is run again in a transaction that is READ COMMITTED.
 *
 * Ids are stored in the text form of `text.ts`, content as JSON text: `jsonb` refuses NUL and rounds nothing but
 * reorders. Everything that is compared collates by bytes.
 *
 * @param tablePrefix what the names of tables and functions start with (default `matrix_`)
 * @param after the version that is there already (default 0: nothing)
 * @throws {TypeError} when the prefix cannot start a name
 * @see [errors, Stores](../../../docs/errors.md#stores)
 */
export function postgresSchema(tablePrefix: string = DEFAULT_TABLE_PREFIX, after = 0): readonly string[] {
  checkTablePrefix(tablePrefix);
  return VERSIONS.slice(after).map((script) => script(tablePrefix));
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

/*
 * Both functions look up each key by itself, by the index, whatever the planner thinks of the tables. Its plans are
 * made once a connection and may be of a time when the tables were small, or of rooms that were: then it reads a whole
 * table, or all the members of a room, for each invite. That is what `LIMIT 1` and `enable_seqscan` are for.
 */

/** The current events of some keys of some rooms, by the number of the room; a row without an event for each room. */
function readFunctionOf(prefix: string): string {
  return `
CREATE FUNCTION ${prefix}read_state(
  p_room_ids text[], p_rooms integer[], p_types text[], p_state_keys text[]
) RETURNS TABLE (room integer, type text, state_key text, event_id text, sender text, content text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $body$
#variable_conflict use_column
BEGIN
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
 * Stores an event at the next position, if the basis stands: `NULL` when it does not, or when there is no such room.
 * With `p_waits` false an empty text when somebody else has the lock, or when there is no such room.
 * The event is durable when it is answered, also where the connection's default is to answer before the disk has it.
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
    WHERE stored.event_id IS DISTINCT FROM basis.event_id
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
