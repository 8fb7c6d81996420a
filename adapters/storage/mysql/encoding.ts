import type { StateEvent } from '../../../src/rooms/event.ts';
import { type StoredEvent, toStateEvent } from '../shared/stored-event.ts';
import { fromStoredText, toStoredText } from '../shared/stored-text.ts';
import { IdTooLongError } from './failures.ts';
import type { Row } from './session.ts';

/** The size in bytes of the indexed columns: an ID of 255 bytes, all of which are escaped. */
export const MAX_ID_BYTES = 510;

/** The maximum size of an event ID in bytes, with the sender's domain at its end. */
export const MAX_EVENT_ID_BYTES = 600;

/**
 * Returns the bytes of an ID to look up, which mysql2 sends as a hexadecimal literal. No character set, collation or
 * SQL mode of the connection changes their meaning.
 */
export function storedBytes(id: string): Buffer {
  return Buffer.from(toStoredText(id));
}

/**
 * Returns the bytes of an ID to store.
 *
 * @throws {IdTooLongError} if they do not fit into a column
 */
export function idBytes(column: string, id: string): Buffer {
  const bytes = storedBytes(id);
  if (bytes.length > MAX_ID_BYTES) throw new IdTooLongError(column);
  return bytes;
}

/** Returns a value as JSON, for JSON_TABLE. IDs in it are as they are stored. */
export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Returns the event of a row whose columns from `first` on are type, state key, event ID, sender and content. */
export function toStored(row: Row, first: number): StoredEvent {
  return {
    type: idAt(row, first),
    state_key: idAt(row, first + 1),
    event_id: idAt(row, first + 2),
    sender: idAt(row, first + 3),
    content: String(row[first + 4]),
  };
}

/** Returns the event of a row that starts with its position and time. */
export function toRoomEvent(roomId: string, row: Row): StateEvent {
  return toStateEvent(roomId, toStored(row, 2), numberAt(row, 1));
}

export function numberAt(row: Row, column: number): number {
  return Number(String(row[column]));
}

function idAt(row: Row, column: number): string {
  return fromStoredText(String(row[column]));
}
