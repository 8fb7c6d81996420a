import { referredIds } from '../../../src/pdu/event-id.ts';
import { stateEventOf } from '../../../src/pdu/state-event.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import type { BuiltEvent, BuiltKey, GraphEvent, GraphRows } from '../shared/graph/rows.ts';
import { uniqueKeys } from '../shared/state-key.ts';
import type { SqliteConnection, SqliteStatement } from '../sqlite/connection.ts';
import { fromStoredText, toEventRow, toKeyList, toStoredText } from '../sqlite/encoding.ts';
import type { Tables } from '../sqlite/tables.ts';
import { statementsOn } from './statements.ts';

type EventColumns = { readonly event_id: string; readonly pdu: string };

/** The tables of the rooms that federate, beside those of all rooms. */
export class SqliteGraphRows implements GraphRows {
  readonly #connection: SqliteConnection;
  readonly #tables: Tables;
  readonly #sql: ReturnType<typeof statementsOn>;

  constructor(connection: SqliteConnection, tables: Tables, prefix: string) {
    this.#connection = connection;
    this.#tables = tables;
    this.#sql = statementsOn(prefix);
  }

  versionOf(roomId: string): string | undefined {
    const row = this.#statement('version').get(toStoredText(roomId));
    return row === undefined ? undefined : (row as { room_version: string }).room_version;
  }

  hasRoom(roomId: string): boolean {
    return this.#tables.hasRoom(roomId);
  }

  addRoom(roomId: string, roomVersion: string): void {
    this.#tables.addRoom(roomId);
    this.#statement('addRoom').run(toStoredText(roomId), roomVersion);
  }

  holds(basis: StateSnapshot): boolean {
    return this.#tables.holds(basis);
  }

  current(roomId: string, keys: readonly StateKey[]): GraphEvent[] {
    const list = toKeyList(uniqueKeys(keys));
    return this.#statement('current').all(list, toStoredText(roomId)).map(toGraphEvent);
  }

  hasJoinedMember(roomId: string, serverName: string): boolean {
    return this.#statement('joinedMember').get(toStoredText(roomId), serverName) !== undefined;
  }

  hasEvent(eventId: string): boolean {
    return this.#statement('hasEvent').get(eventId) !== undefined;
  }

  addEvent(roomId: string, { eventId, pdu }: GraphEvent): void {
    const row = toEventRow(stateEventOf(pdu, roomId));
    const position = this.#tables.addEventAs(eventId, row);
    this.#statement('addEvent').run(position, eventId, JSON.stringify(pdu));
    this.#statement('removeTips').run(row.room_id, JSON.stringify(referredIds(pdu.prev_events)));
    this.#statement('addTip').run(row.room_id, eventId, pdu.depth);
  }

  ends(roomId: string, first: readonly string[], limit: number): GraphEvent[] {
    const rows = this.#statement('tips').all(toStoredText(roomId), JSON.stringify(first), limit);
    return rows.map(toGraphEvent);
  }

  page(roomId: string, after: number, limit: number): { events: GraphEvent[]; next: number } {
    const rows = this.#statement('page').all(toStoredText(roomId), after, limit) as {
      position: number | bigint;
    }[];
    return { events: rows.map(toGraphEvent), next: Number(rows.at(-1)?.position ?? after) };
  }

  built(key: BuiltKey): BuiltEvent[] {
    return this.#statement('built')
      .all(...columnsOf(key))
      .map(toBuiltEvent);
  }

  addBuilt(key: BuiltKey, { eventId, pdu, builtAt }: BuiltEvent): void {
    this.#statement('addBuilt').run(eventId, ...columnsOf(key), JSON.stringify(pdu), builtAt);
  }

  removeBuilt(eventId: string): void {
    this.#statement('removeBuilt').run(eventId);
  }

  builtUntil(time: number, limit: number): (BuiltEvent & { roomId: string })[] {
    return this.#statement('builtUntil')
      .all(time, limit)
      .map((row) => ({
        ...toBuiltEvent(row),
        roomId: fromStoredText((row as { room_id: string }).room_id),
      }));
  }

  #statement(name: keyof ReturnType<typeof statementsOn>): SqliteStatement {
    return this.#connection.statement(this.#sql[name]);
  }
}

function columnsOf({ room_id, type, state_key, sender }: BuiltKey): [string, string, string, string] {
  return [toStoredText(room_id), toStoredText(type), toStoredText(state_key), toStoredText(sender)];
}

function toGraphEvent(row: unknown): GraphEvent {
  const { event_id, pdu } = row as EventColumns;
  return { eventId: event_id, pdu: JSON.parse(pdu) };
}

function toBuiltEvent(row: unknown): BuiltEvent {
  const { built_at } = row as { built_at: number | bigint };
  return { ...toGraphEvent(row), builtAt: Number(built_at) };
}
