import { lenientCanonicalJson } from '../../../src/pdu/canonical-json.ts';
import { isObject, parseJson } from '../../../src/pdu/exact-json.ts';
import type { Pdu } from '../../../src/pdu/pdu.ts';
import { type PublicKeys, signingKeyIds, verifyPdu } from '../../../src/pdu/verify.ts';
import { fieldOf } from '../../../src/rooms/content.ts';
import type { JsonObject, JsonValue } from '../../../src/rooms/event.ts';
import { POLICY_KEY_ID } from '../../../src/rooms/policy-server.ts';
import type { OutboundAnswer } from '../../shared/outbound/client.ts';
import { invalidAnswer } from './errors.ts';

/** No server has nearly as many keys. Its signatures are stored. */
const MAX_SIGNATURES = 10;

/** Like the reader of all answers, it leaves out a byte order mark. */
const utf8 = new TextDecoder();

/** The signatures of one server, by the ID of their keys. */
export type ServerSignatures = { readonly [keyId: string]: string };

/** Returns the keys of a server with these IDs. */
export type FindKeys = (serverName: string, keyIds: readonly string[]) => Promise<PublicKeys>;

/**
 * Returns the signatures of the invitee's server from its response, which must contain the event that was sent: only
 * `signatures` and `unsigned` may differ. Each returned signature is by a key that the server has now.
 *
 * @param eventIn returns the event of the response's body
 * @throws {InviteFailure} (rejects) for any other response
 * @throws {OutboundError} (rejects) if the server's keys cannot be found
 */
export async function signaturesIn(
  answer: OutboundAnswer,
  eventIn: (body: JsonValue) => JsonValue | undefined,
  sent: { readonly pdu: Pdu; readonly roomVersion: string; readonly server: string },
  findKeys: FindKeys,
): Promise<ServerSignatures> {
  const { pdu, roomVersion, server } = sent;
  const event = eventIn(bodyOf(answer));
  if (!isObject(event)) throw invalidAnswer(answer, 'the answer has no event');
  if (signedText(event) !== signedText(pdu)) throw invalidAnswer(answer, 'the event differs');
  const keyIds = signingKeyIds(event, server).filter((keyId) => keyId !== POLICY_KEY_ID);
  if (keyIds.length > MAX_SIGNATURES) throw invalidAnswer(answer, 'too many signatures');
  const keys = keyIds.length === 0 ? new Map<string, string>() : await findKeys(server, keyIds);
  const check = verifyPdu(event, roomVersion, server, keys);
  if (check !== 'valid') throw invalidAnswer(answer, `the signature is ${check}`);
  const signatures: Record<string, string> = {};
  for (const keyId of keyIds) {
    const signature = fieldOf(fieldOf(event.signatures, server), keyId);
    if (keys.has(keyId) && typeof signature === 'string') signatures[keyId] = signature;
  }
  return signatures;
}

/** @throws {InviteFailure} for a body that is not JSON */
function bodyOf(answer: OutboundAnswer): JsonValue {
  if (answer.json === undefined) throw invalidAnswer(answer, 'the answer is no JSON');
  return parseJson(utf8.decode(answer.body));
}

/** Returns an event without `signatures` and `unsigned`, as a string to compare. */
function signedText({
  signatures: _signatures,
  unsigned: _unsigned,
  ...event
}: JsonObject): string | undefined {
  return lenientCanonicalJson(event);
}
