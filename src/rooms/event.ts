/** A value that JSON can say. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };

/** What a piece of room state is filed under: at most one current event exists for each key of a room. */
export type StateKey = { readonly type: string; readonly state_key: string };

/** Whether a value is a {@link StateKey}: `stateKey` for `state_key` is easily written. */
export function isStateKey(value: unknown): value is StateKey {
  if (typeof value !== 'object' || value === null) return false;
  const { type, state_key } = value as Partial<StateKey>;
  return typeof type === 'string' && typeof state_key === 'string';
}

/**
 * A current state event, as far as decisions need it (the specification's "stripped state").
 * `event_id` is left out by hosts that keep no event ids.
 */
export type StrippedStateEvent = StateKey & {
  readonly sender: string;
  readonly content: JsonObject;
  readonly event_id?: string;
};

/** A state event that is to be stored: the client format of Matrix, still without an id. */
export type NewStateEvent = {
  room_id: string;
  type: string;
  state_key: string;
  sender: string;
  /** Unix time in milliseconds. */
  origin_server_ts: number;
  content: JsonObject;
};

/** A stored state event. */
export type StateEvent = NewStateEvent & { event_id: string };
