import { lenientCanonicalJson } from '../../../src/pdu/canonical-json.ts';
import type { Pdu } from '../../../src/pdu/pdu.ts';
import { rulesOf } from '../../../src/pdu/room-version-of.ts';
import type { BuiltInvite } from '../../../src/ports/room-graph.ts';
import { fieldOf } from '../../../src/rooms/content.ts';
import type { JsonObject, JsonValue } from '../../../src/rooms/event.ts';
import { errcodeOf } from '../../shared/outbound/answer.ts';
import type { OutboundAnswer } from '../../shared/outbound/client.ts';
import { type FindKeys, type ServerSignatures, signaturesIn } from './answer.ts';
import { refusalOf, unsupportedRoomVersion } from './errors.ts';

/** Sends a request with a body, and reads the complete response. */
export type Ask = (
  server: string,
  request: {
    readonly method: 'PUT' | 'POST';
    readonly path: string;
    readonly body: JsonObject;
    readonly maxBytes: number;
  },
) => Promise<OutboundAnswer>;

const MAX_BYTES = 262_144;

/**
 * Has the invitee's server accept an invite, and returns its signatures.
 *
 * @param pdu the PDU of the invite, with all signatures so far
 * @throws {InviteFailure} (rejects) if it does not accept the invite
 * @throws {OutboundError} (rejects) if it does not respond, or its keys cannot be found
 * @see https://spec.matrix.org/v1.18/server-server-api/#inviting-to-a-room
 */
export async function acceptedBy(
  server: string,
  { roomVersion, eventId, inviteState }: BuiltInvite,
  pdu: Pdu,
  ask: Ask,
  findKeys: FindKeys,
): Promise<ServerSignatures> {
  const sent = { pdu, roomVersion, server };
  const put = (version: 'v1' | 'v2', body: JsonObject) => {
    const path = `${version}/invite/${encodeURIComponent(pdu.room_id ?? '')}/${encodeURIComponent(eventId)}`;
    return ask(server, { method: 'PUT', path: `/_matrix/federation/${path}`, body, maxBytes: MAX_BYTES });
  };
  const invite_room_state = inviteState.filter(fitsIntoRequest);
  const answer = await put('v2', { room_version: roomVersion, event: pdu, invite_room_state });
  if (answer.status === 200) return signaturesIn(answer, (body) => fieldOf(body, 'event'), sent, findKeys);
  if (!isUnrecognized(answer)) throw refusalOf(answer);
  // Only servers that know no other room versions lack the second version of the endpoint.
  if (!rulesOf(roomVersion).eventIdHasDomain) throw unsupportedRoomVersion(answer);
  const first = await put('v1', { ...pdu, unsigned: { invite_room_state } });
  if (first.status === 200) return signaturesIn(first, eventOfV1, sent, findKeys);
  throw refusalOf(first);
}

/**
 * Returns false for an event with so many levels of arrays and objects that no request can contain it: what is signed has
 * four more around it. Without it, the invite shows less of the room; with it, nobody could be invited.
 */
function fitsIntoRequest(event: Pdu): boolean {
  return lenientCanonicalJson([[[[event]]]]) !== undefined;
}

/** Returns true for the response of a server that does not know the endpoint. A 400 that refuses the invite has an errcode. */
function isUnrecognized(answer: OutboundAnswer): boolean {
  const errcode = errcodeOf(answer);
  return [400, 404, 405].includes(answer.status) && (errcode === undefined || errcode === 'M_UNRECOGNIZED');
}

/** The body is `[200, { event }]`. */
function eventOfV1(body: JsonValue): JsonValue | undefined {
  return Array.isArray(body) && body[0] === 200 ? fieldOf(body[1], 'event') : undefined;
}
