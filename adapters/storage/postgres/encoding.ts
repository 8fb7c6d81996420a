import type { StateEvent, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { withContent } from '../shared/lazy-content.ts';

/** A row that a statement returned: the value of each column by its name. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Returns an ID as it is stored. PostgreSQL's `text` can hold neither NUL nor lone surrogates, so both are escaped, and
 * different IDs stay different. The result has at most twice as many bytes of UTF-8 as the ID: three IDs of 255 bytes
 * still fit into an index row, which holds 2,704.
 */
export function toStoredText(text: string): string {
  // True for nearly every ID. An append encodes about ten, and this check costs a fifth of the regular expression.
  if (!text.includes('\\') && !text.includes('\0') && text.isWellFormed()) return text;
  return text.replace(/[\\\0]|\p{Surrogate}/gu, (character) => {
    if (character === '\\') return '\\\\';
    return character === '\0' ? '\\0' : `\\u${character.charCodeAt(0).toString(16)}`;
  });
}

/** Returns the ID that was stored. */
export function fromStoredText(stored: string): string {
  return stored.replace(/\\(?:\\|0|u([0-9a-f]{4}))/g, (escaped, code: string | undefined) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return escaped === '\\0' ? '\0' : '\\';
  });
}

/** Returns the rows that have an event: an outer join returns a row without one for a room that has none. */
export function rowsWithEvent(rows: readonly Row[]): Row[] {
  return rows.filter(({ event_id }) => event_id !== null);
}

/** An event as a row has it, with its IDs decoded. The content is JSON. */
export type StoredEvent = Omit<StrippedStateEvent, 'content' | 'event_id'> & {
  readonly event_id: string;
  readonly content: string;
};

export function toStored(row: Row): StoredEvent {
  return {
    type: fromStoredText(row.type as string),
    state_key: fromStoredText(row.state_key as string),
    sender: fromStoredText(row.sender as string),
    event_id: fromStoredText(row.event_id as string),
    content: row.content as string,
  };
}

export function toStripped({ type, state_key, sender, event_id, content }: StoredEvent): StrippedStateEvent {
  return withContent({ type, state_key, sender, event_id }, content);
}

export function toStateEvent(roomId: string, row: Row): StateEvent {
  const origin_server_ts = Number(row.origin_server_ts);
  return {
    ...toStripped(toStored(row)),
    event_id: fromStoredText(row.event_id as string),
    room_id: roomId,
    origin_server_ts,
  };
}
