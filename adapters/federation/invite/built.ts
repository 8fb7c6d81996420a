import { lenientCanonicalJson } from '../../../src/pdu/canonical-json.ts';
import { eventIdOf } from '../../../src/pdu/event-id.ts';
import { isObject } from '../../../src/pdu/exact-json.ts';
import { pduFault } from '../../../src/pdu/format.ts';
import { hasValidContentHash } from '../../../src/pdu/hashes.ts';
import { stateEventOf } from '../../../src/pdu/state-event.ts';
import { signingKeyIds, verifyPdu } from '../../../src/pdu/verify.ts';
import type { BuiltInvite } from '../../../src/ports/room-graph.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import { isSameJson } from '../../../src/rooms/content.ts';
import type { JsonValue, NewStateEvent } from '../../../src/rooms/event.ts';
import { ROOM_VERSIONS } from '../../../src/rooms/room-version.ts';

/** Returns true if two events make equal calls: only their times may differ. */
export function isSameCall(one: NewStateEvent, other: NewStateEvent): boolean {
  return isSameJson({ ...one, origin_server_ts: 0 }, { ...other, origin_server_ts: 0 });
}

/** Returns true if this server has signed an invite, but not with the key that it has now. */
export function hasFormerKey({ pdu }: BuiltInvite, { serverName, keyId }: Signer): boolean {
  const keyIds = signingKeyIds(pdu, serverName);
  return keyIds.length > 0 && !keyIds.includes(keyId);
}

/**
 * Checks what `build` of a host's graph resolved to, before it is sent to any other server.
 *
 * @throws {TypeError} if it breaks a promise
 */
export function checkBuilt(invite: BuiltInvite, event: NewStateEvent, signer: Signer): void {
  const fault = faultIn(invite, event, signer);
  if (fault !== undefined) throw new TypeError(`rooms.build must resolve a valid invite: ${fault}`);
}

function faultIn(
  { eventId, roomVersion, pdu, inviteState }: BuiltInvite,
  event: NewStateEvent,
  { serverName, keyId, publicKey }: Signer,
): string | undefined {
  const rules = ROOM_VERSIONS.get(roomVersion);
  if (rules === undefined) return 'roomVersion is unknown';
  const fault = pduFault(pdu, roomVersion);
  if (fault !== undefined) return fault.message;
  if (!isSameCall(stateEventOf(pdu), event)) return 'it is another event';
  if (Object.hasOwn(pdu, 'origin')) return 'an event has no origin';
  if (!rules.eventIdHasDomain && Object.hasOwn(pdu, 'event_id')) {
    return 'an event has no event_id in this room version';
  }
  if (eventIdOf(pdu, roomVersion) !== eventId) return "eventId is not the event's";
  if (!hasValidContentHash(pdu, roomVersion)) return 'the content hash is wrong';
  const check = verifyPdu(pdu, roomVersion, serverName, new Map([[keyId, publicKey]]));
  if (check !== 'valid') return `the signature by ${keyId} is ${check}`;
  if (!Array.isArray(inviteState) || !inviteState.every(isWritable))
    return 'inviteState must be a list of PDUs';
  const hasCreate = inviteState.some(({ type }) => type === 'm.room.create');
  return hasCreate ? undefined : 'inviteState must contain m.room.create';
}

function isWritable(value: JsonValue): boolean {
  return isObject(value) && lenientCanonicalJson(value) !== undefined;
}
