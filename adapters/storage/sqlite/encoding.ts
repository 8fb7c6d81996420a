import type { NewStateEvent, StateKey } from '../../../src/rooms/event.ts';

/** Matches strings that JSON does not escape, which nearly every ID is. Surrogates, even pairs, are left to JSON. */
const NOT_ESCAPED = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * Returns an ID as it is stored: what JSON writes between the quotes. Some drivers cut a string at NUL, and a lone
 * surrogate has no UTF-8. JSON escapes both, so different IDs stay different.
 */
export function toStoredText(text: string): string {
  return NOT_ESCAPED.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

/** Returns the ID that was stored. */
export function fromStoredText(stored: string): string {
  return stored.includes('\\') ? (JSON.parse(`"${stored}"`) as string) : stored;
}

/** The columns of a new event except for its ID, ready to be bound. */
export type NewEventRow = {
  readonly room_id: string;
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: string;
};

export function toEventRow(event: NewStateEvent): NewEventRow {
  return {
    room_id: toStoredText(event.room_id),
    type: toStoredText(event.type),
    state_key: toStoredText(event.state_key),
    sender: toStoredText(event.sender),
    origin_server_ts: event.origin_server_ts,
    content: JSON.stringify(event.content),
  };
}

/**
 * Returns state keys as one parameter: a JSON object with the type under the name of each state key. Names may repeat,
 * which `json_each` accepts. With `json_extract`, from a list of lists, a lookup takes a third longer.
 */
export function toKeyList(keys: Iterable<StateKey>): string {
  const members = Array.from(keys, ({ type, state_key }) => `${quoted(state_key)}:${quoted(type)}`);
  return `{${members.join()}}`;
}

/** Returns the stored form of an ID as a JSON string. */
function quoted(text: string): string {
  const stored = toStoredText(text);
  return stored.includes('\\') ? JSON.stringify(stored) : `"${stored}"`;
}
