import type { NewStateEvent, StateKey } from '../../../src/ports/storage.ts';
import { newEventId } from '../shared/event-id.ts';
import { CREATE_KEY, keysByText } from '../shared/state-key.ts';
import type { StoredEvent } from '../shared/stored-event.ts';
import type { Connection } from './connection.ts';
import { type EventRow, fromEventRow, type NewEventRow } from './event-row.ts';
import { sqliteSchema } from './schema.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** The statements on the tables. Each method does its work at once; room ids go in and out as they are. */
export class Tables {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #sql: ReturnType<typeof statementsOn>;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#sql = statementsOn(prefix);
  }

  /** Brings the tables up to date; to be called in a transaction. Newer ones are left as they are. */
  migrate(): void {
    for (const sql of sqliteSchema(this.#prefix, this.#version())) this.#connection.exec(sql);
  }

  hasRoom(roomId: string): boolean {
    return this.#connection.statement(this.#sql.room).get(toStoredText(roomId)) !== undefined;
  }

  addRoom(roomId: string): void {
    this.#connection.statement(this.#sql.addRoom).run(toStoredText(roomId));
  }

  /** The current events under the keys, or undefined without the room; one statement, and so one moment. */
  currentEvents(roomId: string, keys: readonly StateKey[]): StoredEvent[] | undefined {
    const room = toStoredText(roomId);
    const storedKeys = [...keysByText(keys).values()].map(({ type, state_key }) => [
      toStoredText(type),
      toStoredText(state_key),
    ]);
    const statement = this.#connection.statement(this.#sql.currentEvents);
    const rows = statement.all(room, JSON.stringify(storedKeys), room) as (EventRow | { event_id: null })[];
    if (rows.length === 0) return undefined;
    return rows.filter((row) => row.event_id !== null).map(fromEventRow);
  }

  /** Every current event, in commit order. */
  state(roomId: string): StoredEvent[] {
    const rows = this.#connection.statement(this.#sql.state).all(toStoredText(roomId)) as EventRow[];
    return rows.map(fromEventRow);
  }

  /** A part of the log, and the position of its last event. */
  page(roomId: string, after: number, limit: number): { events: StoredEvent[]; next: number } {
    const statement = this.#connection.statement(this.#sql.page);
    const rows = statement.all(toStoredText(roomId), after, limit) as EventRow[];
    return { events: rows.map(fromEventRow), next: Number(rows.at(-1)?.position ?? after) };
  }

  /** Appends an event to the log, and makes it current. Returns its id. */
  addEvent(row: NewEventRow): string {
    const eventId = newEventId(fromStoredText(row.sender), this.#createContent(row));
    const added = this.#connection
      .statement(this.#sql.addEvent)
      .run(
        toStoredText(eventId),
        row.room_id,
        row.type,
        row.state_key,
        row.sender,
        row.origin_server_ts,
        row.content,
      );
    this.#connection
      .statement(this.#sql.makeCurrent)
      .run(row.room_id, row.type, row.state_key, Number(added.lastInsertRowid));
    return eventId;
  }

  #createContent(row: NewEventRow): NewStateEvent['content'] | undefined {
    if (row.type === CREATE_KEY.type && row.state_key === CREATE_KEY.state_key)
      return JSON.parse(row.content);
    return this.currentEvents(fromStoredText(row.room_id), [CREATE_KEY])?.[0]?.content;
  }

  #version(): number {
    const find = `SELECT name FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE`;
    if (this.#connection.statement(find).get(`${this.#prefix}schema`) === undefined) return 0;
    const row = this.#connection.statement(this.#sql.version).get() as
      | { version: number | bigint }
      | undefined;
    return row === undefined ? 0 : Number(row.version);
  }
}

function statementsOn(prefix: string) {
  const columns =
    'e.position, e.event_id, e.room_id, e.type, e.state_key, e.sender, e.origin_server_ts, e.content';
  return {
    version: `SELECT version FROM ${prefix}schema`,
    room: `SELECT 1 AS found FROM ${prefix}rooms WHERE room_id = ?`,
    addRoom: `INSERT INTO ${prefix}rooms (room_id) VALUES (?)`,
    // The first row says that the room is there. CROSS JOIN keeps SQLite to this order: a look-up for each key.
    currentEvents: `SELECT NULL AS position, NULL AS event_id, NULL AS room_id, NULL AS type, NULL AS state_key,
  NULL AS sender, NULL AS origin_server_ts, NULL AS content
FROM ${prefix}rooms WHERE room_id = ?
UNION ALL
SELECT ${columns}
FROM json_each(?) AS k
CROSS JOIN ${prefix}state AS s
  ON s.room_id = ? AND s.type = json_extract(k.value, '$[0]') AND s.state_key = json_extract(k.value, '$[1]')
CROSS JOIN ${prefix}events AS e ON e.position = s.position`,
    state: `SELECT ${columns}
FROM ${prefix}state AS s JOIN ${prefix}events AS e ON e.position = s.position
WHERE s.room_id = ? ORDER BY s.position`,
    page: `SELECT ${columns}
FROM ${prefix}events AS e WHERE e.room_id = ? AND e.position > ? ORDER BY e.position LIMIT ?`,
    addEvent: `INSERT INTO ${prefix}events
  (event_id, room_id, type, state_key, sender, origin_server_ts, content) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    makeCurrent: `INSERT INTO ${prefix}state (room_id, type, state_key, position) VALUES (?, ?, ?, ?)
ON CONFLICT (room_id, type, state_key) DO UPDATE SET position = excluded.position`,
  };
}
