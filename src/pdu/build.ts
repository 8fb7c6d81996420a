import { randomBytes } from 'node:crypto';
import type { CallContext } from '../ports/context.ts';
import type { Signer } from '../ports/signer.ts';
import { fieldOf } from '../rooms/content.ts';
import type { JsonValue, NewStateEvent } from '../rooms/event.ts';
import { domainOf } from '../rooms/identifiers.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { encodeUrlSafeBase64 } from './base64.ts';
import { canonicalJson } from './canonical-json.ts';
import type { PduReference } from './event-id.ts';
import { pduFault } from './format.ts';
import { contentHash, essentialBytes, hashId } from './hashes.ts';
import { type Pdu, PduError } from './pdu.ts';
import { rulesOf } from './room-version-of.ts';
import { signatureOf } from './sign.ts';

/** As long as a signature. */
const NO_SIGNATURE = 'A'.repeat(86);
const OPAQUE_BYTES = 18;

/** An event to build: a state event, or a message if it has no `state_key`. */
export type EventToBuild = Omit<NewStateEvent, 'room_id' | 'state_key'> & {
  /** Left out for the create event of a room of version 12, whose ID is made from the event. */
  readonly room_id?: string;
  readonly state_key?: string;
  /** The event that a redaction redacts, in room versions 1 to 10. */
  readonly redacts?: string;
};

const KEYS = ['type', 'room_id', 'state_key', 'sender', 'origin_server_ts', 'content', 'redacts'] as const;

/** What `buildPdu` needs. */

export type PduParts = {
  readonly event: EventToBuild;
  readonly roomVersion: string;
  /** 1 to 20 events that the room has and no other event follows; none for the create event. See `referenceTo`. */
  readonly prevEvents: readonly PduReference[];
  /** The current events of the keys that `authEventKeys` returns. */
  readonly authEvents: readonly PduReference[];
  /** Signs in the name of the sender's server. */
  readonly signer: Signer;
};

/** An event that was built. */
export type BuiltPdu = {
  readonly eventId: string;
  readonly roomId: string;
  readonly pdu: Pdu;
};

/**
 * Builds an event: references, depth, content hash and signature. It does not judge whether the room allows the event.
 *
 * The depth is the greatest of `prevEvents` plus one, at most 2^53−1 in every room version. In room versions 1 and 2 the
 * event gets a random ID in the name of the signer's server. Its content must have canonical JSON in every room version.
 *
 * @throws {PduError} (rejects) if the event is malformed or too large, before anything is signed
 * @throws {RangeError} (rejects) for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#adding-hashes-and-signatures-to-outgoing-events
 */
export async function buildPdu(parts: PduParts, context: CallContext): Promise<BuiltPdu> {
  const { roomVersion, signer } = parts;
  const rules = rulesOf(roomVersion);
  const fault = contradictionIn(parts);
  if (fault !== undefined) throw new PduError({ reason: 'malformed', message: fault });
  const unsigned = unsignedEvent(parts, rules);
  const wrong = pduFault(unsigned, roomVersion);
  if (wrong !== undefined) throw new PduError(wrong);
  const essential = essentialBytes(unsigned, rules);
  const signature = await signatureOf(essential, signer, context);
  const pdu = { ...unsigned, signatures: { [signer.serverName]: { [signer.keyId]: signature } } };
  const eventId = pdu.event_id ?? hashId(essential, rules);
  return { eventId, roomId: pdu.room_id ?? `!${eventId.slice(1)}`, pdu };
}

/** Returns what is wrong although the format of the event allows it. */
function contradictionIn({ event, prevEvents, signer }: PduParts): string | undefined {
  const { type, state_key, sender, content } = event;
  const isCreate = type === 'm.room.create' && state_key === '';
  if (isCreate !== (prevEvents.length === 0)) return 'only the create event must have no prev_events';
  // An invite from the token of an identity server may be sent by another server than the inviter's.
  if (domainOf(sender) !== signer.serverName && fieldOf(content, 'third_party_invite') === undefined) {
    return "sender must be a user of the signer's server";
  }
  // Other servers would write some floats differently, and find the signature wrong.
  if (canonicalJson(content) === undefined) return 'content must have canonical JSON';
  return undefined;
}

/** Returns the event with a signature of the right size that signs nothing. */
function unsignedEvent({ event, prevEvents, authEvents, signer }: PduParts, rules: RoomVersionRules): Pdu {
  const given = KEYS.flatMap((key) => (event[key] === undefined ? [] : [[key, event[key]]]));
  const fields = {
    ...Object.fromEntries(given),
    auth_events: authEvents.map((each) => reference(each, rules)),
    prev_events: prevEvents.map((each) => reference(each, rules)),
    depth: Math.min(Math.max(0, ...prevEvents.map(({ depth }) => depth)) + 1, Number.MAX_SAFE_INTEGER),
    ...(rules.eventIdHasDomain ? { event_id: newEventId(signer) } : {}),
  };
  return {
    ...fields,
    hashes: { sha256: contentHash(fields, rules) },
    signatures: { [signer.serverName]: { [signer.keyId]: NO_SIGNATURE } },
  };
}

function reference({ eventId, sha256 }: PduReference, { referencesHaveHashes }: RoomVersionRules): JsonValue {
  return referencesHaveHashes ? [eventId, { sha256: sha256 ?? null }] : eventId;
}

/** The domain must have signed the event, so it is the signer's, although another server may have created the room. */
function newEventId({ serverName }: Signer): string {
  return `$${encodeUrlSafeBase64(randomBytes(OPAQUE_BYTES))}:${serverName}`;
}
