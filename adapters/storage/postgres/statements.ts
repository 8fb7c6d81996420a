import { CLAIM_MS } from '../../../src/ports/pending-address-invites.ts';
import type { Row } from './encoding.ts';
import { isConflict } from './failures.ts';
import { AS_TEXT, inReadCommitted, type PostgresClient } from './pool.ts';
import { throwIfInTransaction } from './transaction-status.ts';

export type StatementName = keyof ReturnType<typeof sqlOn>;

export type StatementOptions = {
  readonly tablePrefix: string;
  readonly preparedStatements: boolean;
  readonly queryTimeoutMs: number;
};

/** Runs the statements on the tables of one prefix. */
export class Statements {
  readonly #sql: Readonly<Record<StatementName, string>>;
  readonly #tablePrefix: string;
  readonly #preparedStatements: boolean;
  readonly #queryTimeoutMs: number;

  constructor({ tablePrefix, preparedStatements, queryTimeoutMs }: StatementOptions) {
    this.#sql = sqlOn(tablePrefix);
    this.#tablePrefix = tablePrefix;
    this.#preparedStatements = preparedStatements;
    this.#queryTimeoutMs = queryTimeoutMs;
  }

  /**
   * Runs a statement, a second time if another transaction's change came first, and returns its rows.
   *
   * @throws {InTransactionError} (rejects) if it ran inside a transaction of the host app: then nothing is stored yet,
   *   and nothing must be, so the connection has to be closed
   */
  async run(client: PostgresClient, name: StatementName, values: unknown[]): Promise<readonly Row[]> {
    const query = {
      // pg prepares a statement with a name once on each connection. A name must mean the same SQL on every connection of
      // the pool, whichever storages share the pool.
      name: this.#preparedStatements ? `${this.#tablePrefix}${name}_1` : undefined,
      text: this.#sql[name],
      values,
      query_timeout: this.#queryTimeoutMs,
      types: AS_TEXT,
    };
    try {
      const { rows } = await client.query(query);
      throwIfInTransaction(client);
      return rows;
    } catch (error) {
      if (!isConflict(error)) throw error;
      return (await inReadCommitted(client, () => client.query(query), this.#queryTimeoutMs)).rows;
    }
  }
}

/** Each is a single statement: one round trip, and one moment. A read of an unknown room returns no rows. */
function sqlOn(prefix: string) {
  const durable = `CASE current_setting('synchronous_commit') WHEN 'off'
  THEN set_config('synchronous_commit', 'on', true) END AS durable`;
  return {
    readState: `
SELECT room::text, type, state_key, event_id, sender, content FROM ${prefix}read_state($1, $2, $3, $4)`,

    // For a single event, which is common: unnesting arrays costs the server a seventh more.
    appendEvent: `
SELECT ${prefix}append_event($6, $7, $8, $9, $10, $11, $12, $13, $1, $2, $3, $4, $5) AS event_id`,

    // The basis keys of all events share three arrays. Each event has its range of them.
    appendEvents: `
SELECT ${prefix}append_event(room_id, event_id, domain, type, state_key, sender, origin_server_ts, content, $1, $2,
  ($3::text[])[first_key:last_key], ($4::text[])[first_key:last_key], ($5::text[])[first_key:last_key]) AS event_id
FROM unnest($6::int[], $7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
    $14::bigint[], $15::text[])
  WITH ORDINALITY AS event (first_key, last_key, room_id, event_id, domain, type, state_key, sender, origin_server_ts,
    content, position)
ORDER BY position`,

    createRoom: `
WITH room AS (
  INSERT INTO ${prefix}rooms SELECT $1, $2, cardinality($3::text[]) WHERE ${prefix}check_encoding()
  ON CONFLICT DO NOTHING RETURNING room_id
), event AS (
  SELECT room.room_id, given.*
  FROM room, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
    WITH ORDINALITY AS given (event_id, type, state_key, sender, origin_server_ts, content, position)
), log AS (
  INSERT INTO ${prefix}events
  SELECT room_id, position, event_id, type, state_key, sender, origin_server_ts, content FROM event
), state AS (
  INSERT INTO ${prefix}state
  SELECT DISTINCT ON (type, state_key) room_id, type, state_key, position, event_id, sender, content
  FROM event ORDER BY type, state_key, position DESC
)
SELECT room_id, ${durable}
FROM room`,

    roomState: `
SELECT event.type, event.state_key, event.event_id, event.sender, event.content,
  event.origin_server_ts::text
FROM ${prefix}rooms AS room
LEFT JOIN ${prefix}state AS state ON state.room_id = room.room_id
LEFT JOIN ${prefix}events AS event ON event.room_id = state.room_id AND event.position = state.position
WHERE ${prefix}check_encoding() AND room.room_id = $1`,

    timeline: `
SELECT event.type, event.state_key, event.event_id, event.sender, event.content, event.origin_server_ts::text,
  event.position::text
FROM ${prefix}rooms AS room
LEFT JOIN LATERAL (
  SELECT type, state_key, event_id, sender, content, origin_server_ts, position
  FROM ${prefix}events
  WHERE room_id = room.room_id AND position > $2
  ORDER BY position LIMIT $3
) AS event ON true
WHERE ${prefix}check_encoding() AND room.room_id = $1
ORDER BY event.position`,

    // The row of another claim is the one from before the statement. If it came in the meantime, none is returned.
    claimAddress: `
WITH claim AS (
  INSERT INTO ${prefix}pending_addresses AS pending (room_id, address_hash, claim_id, claimed_until)
  SELECT $1, $2, $3, now() + interval '${CLAIM_MS} milliseconds' WHERE ${prefix}check_encoding()
  ON CONFLICT (room_id, address_hash) DO UPDATE
    SET claim_id = excluded.claim_id, claimed_until = excluded.claimed_until
    WHERE pending.invite IS NULL AND pending.claimed_until <= now()
  RETURNING claim_id
)
SELECT claim_id, NULL AS invite, NULL::numeric AS remaining_ms, ${durable} FROM claim
UNION ALL
SELECT NULL, invite, 1000 * extract(epoch FROM claimed_until - now()), NULL FROM ${prefix}pending_addresses
WHERE room_id = $1 AND address_hash = $2 AND NOT EXISTS (SELECT 1 FROM claim)`,

    settleAddress: `
INSERT INTO ${prefix}pending_addresses AS pending (room_id, address_hash, claim_id, claimed_until, token, invite)
SELECT $1, $2, $3, now(), $4, $5 WHERE ${prefix}check_encoding()
ON CONFLICT (room_id, address_hash) DO UPDATE
  SET token = coalesce(pending.token, excluded.token), invite = coalesce(pending.invite, excluded.invite)
RETURNING invite, ${durable}`,

    releaseAddress: `
DELETE FROM ${prefix}pending_addresses
WHERE ${prefix}check_encoding() AND room_id = $1 AND address_hash = $2 AND claim_id = $3 AND invite IS NULL
RETURNING ${durable}`,

    forgetAddress: `
DELETE FROM ${prefix}pending_addresses
WHERE ${prefix}check_encoding() AND room_id = $1 AND address_hash = $2 AND token = $3
RETURNING ${durable}`,
  };
}
