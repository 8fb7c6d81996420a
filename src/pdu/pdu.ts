import type { JsonObject, JsonValue } from '../rooms/event.ts';

/** An event before it is hashed and signed. */
export type UnsignedPdu = JsonObject & {
  type: string;
  /** Absent in a create event of room version 12: the room ID is its hash. */
  room_id?: string;
  /** Only in a state event. */
  state_key?: string;
  sender: string;
  /** Unix time in milliseconds. */
  origin_server_ts: number;
  content: JsonObject;
  /** At most 10: event IDs; in room versions 1 and 2, pairs of an event ID and its hashes. */
  auth_events: JsonValue[];
  /** At most 20, like `auth_events`. */
  prev_events: JsonValue[];
  depth: number;
  /** Only in room versions 1 and 2. */
  event_id?: string;
};

/**
 * An event as servers send it to one another. `pduFault` checks that a value is one.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#pdus
 */
export type Pdu = UnsignedPdu & {
  hashes: { sha256: string };
  /** Base64, by server name and key ID. */
  signatures: { [serverName: string]: { [keyId: string]: string } };
};

/** Thrown for an event that cannot be a PDU, or a value that is not a PDU. The message contains nothing from the event. */
export class PduError extends Error {
  readonly code = 'ERR_PDU';
  readonly reason: PduFault['reason'];

  constructor({ reason, message }: PduFault) {
    super(message);
    this.name = 'PduError';
    this.reason = reason;
  }
}

/** Why a value is not a PDU. */
export type PduFault = {
  /** `tooLarge`: the event, or an ID or a type in it, has too many bytes. Otherwise `malformed`. */
  readonly reason: 'malformed' | 'tooLarge';
  /** A message for developers. It contains nothing from the event. */
  readonly message: string;
};
