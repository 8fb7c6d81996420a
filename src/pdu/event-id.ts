import type { JsonValue } from '../rooms/event.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { hasNoRoomId } from './format.ts';
import { essentialText, hashId, sha256 } from './hashes.ts';
import type { Pdu } from './pdu.ts';
import { rulesOf } from './room-version-of.ts';

/** What an event contains about another event that it refers to. */
export type PduReference = {
  readonly eventId: string;
  readonly depth: number;
  /** The reference hash in unpadded base64. Only room versions 1 and 2 need it. */
  readonly sha256?: string;
};

/**
 * Returns the ID of an event: `event_id` in room versions 1 and 2, otherwise its reference hash. In room version 3 it can
 * contain `/` and `+`.
 *
 * @throws {PduError} for an event that has no canonical JSON
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#calculating-the-reference-hash-for-an-event
 */
export function eventIdOf(pdu: Pdu, roomVersion: string): string {
  return idOf(pdu, rulesOf(roomVersion));
}

/**
 * Returns the ID of an event's room: `room_id`, or the hash of the create event in room version 12.
 *
 * @throws {PduError} for an event that has no canonical JSON
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/appendices/#room-ids
 */
export function roomIdOf(pdu: Pdu, roomVersion: string): string {
  const rules = rulesOf(roomVersion);
  return pdu.room_id ?? (hasNoRoomId(pdu, rules) ? `!${idOf(pdu, rules).slice(1)}` : '');
}

/**
 * Returns the reference to an event, for the `prev_events` or `auth_events` of another event.
 *
 * @throws {PduError} for an event that has no canonical JSON
 * @throws {RangeError} for an unknown room version
 */
export function referenceTo(pdu: Pdu, roomVersion: string): PduReference {
  const rules = rulesOf(roomVersion);
  const depth = Number(pdu.depth);
  if (!rules.referencesHaveHashes) return { eventId: idOf(pdu, rules), depth };
  return { eventId: pdu.event_id ?? '', depth, sha256: sha256(essentialText(pdu, rules)) };
}

/** Returns the IDs of the events that `auth_events` or `prev_events` of a PDU refer to. */
export function referredIds(references: readonly JsonValue[]): string[] {
  // In room versions 1 and 2, a reference is a pair of the ID and hashes.
  return references.map((each) => String(Array.isArray(each) ? each[0] : each));
}

function idOf(pdu: Pdu, rules: RoomVersionRules): string {
  return rules.eventIdHasDomain ? (pdu.event_id ?? '') : hashId(essentialText(pdu, rules), rules);
}
