/** Any JSON value. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };

/** The key of a piece of room state: a room has at most one current event under each key. */
export type StateKey = { readonly type: string; readonly state_key: string };

/** Returns true for a {@link StateKey}: `stateKey` for `state_key` is an easy mistake. */
export function isStateKey(value: unknown): value is StateKey {
  if (typeof value !== 'object' || value === null) return false;
  const { type, state_key } = value as Partial<StateKey>;
  return typeof type === 'string' && typeof state_key === 'string';
}

/**
 * A current state event, with the fields that decisions need. Hosts that keep no event IDs leave out `event_id`.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#stripped-state
 */
export type StrippedStateEvent = StateKey & {
  readonly sender: string;
  readonly content: JsonObject;
  readonly event_id?: string;
};

/** A state event to store: Matrix's client format, without an ID. */
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
