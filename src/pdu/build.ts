import { randomBytes } from 'node:crypto';
import type { CallContext } from '../ports/context.ts';
import type { Signer } from '../ports/signer.ts';
import { fieldOf } from '../rooms/content.ts';
import type { JsonValue, NewStateEvent } from '../rooms/event.ts';
import { domainOf } from '../rooms/identifiers.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { encodeUrlSafeBase64 } from './base64.ts';
import type { PduReference } from './event-id.ts';
import { eventJsonOf } from './event-json.ts';
import { keyFault, sizeFault } from './format.ts';
import { hashId } from './hashes.ts';
import { type Pdu, PduError, type PduFault, type UnsignedPdu } from './pdu.ts';
import { rulesOf } from './room-version-of.ts';
import { signatureOf } from './sign.ts';

/** The characters that a hash of 32 bytes and a signature of 64 bytes add to an event, without the server name and key ID. */
const SIGNED_CHARACTERS = '"hashes":{"sha256":""},"signatures":{"":{"":""}},'.length + 43 + 86;
const OPAQUE_BYTES = 18;

/** An event to build: a state event, or a message if it has no `state_key`. */
export type EventToBuild = Omit<NewStateEvent, 'room_id' | 'state_key'> & {
  /** Absent in the create event of a room of version 12, because the room's ID is the hash of that event. */
  readonly room_id?: string;
  readonly state_key?: string;
  /** The event that a redaction redacts, in room versions 1 to 10. */
  readonly redacts?: string;
};

/** What `buildPdu` needs. */
export type PduParts = {
  readonly event: EventToBuild;
  readonly roomVersion: string;
  /** 1 to 20 events of the room that no other event refers to yet; none for the create event. See `referenceTo`. */
  readonly prevEvents: readonly PduReference[];
  /** The current events of the keys that `authEventKeys` returns. */
  readonly authEvents: readonly PduReference[];
  /** Signs on behalf of the sender's server. */
  readonly signer: Signer;
};

/** An event that was built. */
export type BuiltPdu = {
  readonly eventId: string;
  readonly roomId: string;
  readonly pdu: Pdu;
};

/**
 * Builds an event: references, depth, content hash and signature. It does not check whether the room allows the event.
 *
 * The depth is the greatest of `prevEvents` plus one, at most 2^53−1 in every room version. In room versions 1 and 2 the
 * event gets a random ID with the domain of the signer's server. Its content must have canonical JSON in every room version.
 *
 * @throws {PduError} (rejects) if the event is malformed or too large, before anything is signed
 * @throws {RangeError} (rejects) for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#adding-hashes-and-signatures-to-outgoing-events
 */
export async function buildPdu(parts: PduParts, context: CallContext): Promise<BuiltPdu> {
  const { roomVersion, signer } = parts;
  const rules = rulesOf(roomVersion);
  const fields = fieldsOf(parts, rules);
  // In earlier room versions too: other servers would write some floats differently, and find the signature wrong.
  const { unsigned, contentHash, essential } =
    eventJsonOf(fields, rules) ?? malformed('the event must have canonical JSON');
  const pdu: Pdu = Object.assign(fields, {
    hashes: { sha256: contentHash },
    signatures: { [signer.serverName]: { [signer.keyId]: '' } },
  });
  const size =
    Buffer.byteLength(unsigned) + SIGNED_CHARACTERS + signer.serverName.length + signer.keyId.length;
  const fault = keyFault(pdu, rules) ?? sizeFault(size) ?? contradictionIn(parts);
  if (fault !== undefined) throw new PduError(fault);
  const bytes = Buffer.from(essential);
  const eventId = pdu.event_id ?? hashId(bytes, rules);
  const signature = await signatureOf(bytes, signer, context);
  pdu.signatures = { [signer.serverName]: { [signer.keyId]: signature } };
  return { eventId, roomId: pdu.room_id ?? `!${eventId.slice(1)}`, pdu };
}

/** Returns the event without hashes and signatures. */
function fieldsOf(
  { event, prevEvents, authEvents, signer }: PduParts,
  { eventIdHasDomain, referencesHaveHashes }: RoomVersionRules,
): UnsignedPdu {
  const { type, sender, origin_server_ts, content, room_id, state_key, redacts } = event;
  const referTo = referencesHaveHashes ? withHash : idOf;
  let depth = 0;
  for (const each of prevEvents) depth = Math.max(depth, each.depth);
  const fields: UnsignedPdu = {
    auth_events: authEvents.map(referTo),
    content,
    depth: Math.min(depth + 1, Number.MAX_SAFE_INTEGER),
    origin_server_ts,
    prev_events: prevEvents.map(referTo),
    sender,
    type,
  };
  if (eventIdHasDomain) fields.event_id = newEventId(signer);
  if (redacts !== undefined) fields.redacts = redacts;
  if (room_id !== undefined) fields.room_id = room_id;
  if (state_key !== undefined) fields.state_key = state_key;
  return fields;
}

function idOf({ eventId }: PduReference): string {
  return eventId;
}

function withHash({ eventId, sha256 }: PduReference): JsonValue {
  return [eventId, { sha256: sha256 ?? malformed('a reference must have a hash in this room version') }];
}

/** Returns what is wrong with the event as a whole, although each key is valid by itself. */
function contradictionIn({ event, prevEvents, signer }: PduParts): PduFault | undefined {
  const { type, state_key, sender, content } = event;
  const isCreate = type === 'm.room.create' && state_key === '';
  if (isCreate !== (prevEvents.length === 0)) {
    return { reason: 'malformed', message: 'the create event, and no other, must have no prev_events' };
  }
  // An invite from the token of an identity server may be sent by another server than the inviter's.
  if (domainOf(sender) !== signer.serverName && fieldOf(content, 'third_party_invite') === undefined) {
    return { reason: 'malformed', message: "sender must be a user of the signer's server" };
  }
  return undefined;
}

function malformed(message: string): never {
  throw new PduError({ reason: 'malformed', message });
}

/** The domain must have signed the event, so it is the signer's, although another server may have created the room. */
function newEventId({ serverName }: Signer): string {
  return `$${encodeUrlSafeBase64(randomBytes(OPAQUE_BYTES))}:${serverName}`;
}
