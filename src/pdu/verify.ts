import { verify } from 'node:crypto';
import type { JsonObject } from '../rooms/event.ts';
import { isObject } from './exact-json.ts';
import { essentialText } from './hashes.ts';
import { rulesOf } from './room-version-of.ts';
import { readPublicKey, readSignature, signedBytes } from './signatures.ts';

/** No server has nearly as many keys. A check takes a tenth of a millisecond, and other servers choose how many there are. */
const MAX_SIGNATURES = 100;

/**
 * Whether a server has signed.
 * - `valid`: there is at least one signature by one of the given keys, and all such signatures are good.
 * - `invalid`: a signature by one of the given keys is wrong.
 * - `absent`: there is no signature by one of the given keys.
 */
export type SignatureCheck = 'valid' | 'invalid' | 'absent';

/** The public keys of a server: unpadded base64, by key ID. */
export type PublicKeys = ReadonlyMap<string, string>;

/**
 * Returns the IDs of the Ed25519 keys under which an object or an event has signatures of a server, good or bad: the keys
 * to fetch before {@link verifyJson} or {@link verifyPdu}.
 */
export function signingKeyIds(object: JsonObject, serverName: string): string[] {
  return Object.keys(signaturesOf(object, serverName)).filter((keyId) => keyId.startsWith('ed25519:'));
}

/**
 * Checks the signatures of one server on a JSON object. Signatures by other keys are ignored.
 *
 * @param keys the server's keys that are valid for this object: leave out expired ones
 * @see https://spec.matrix.org/v1.18/appendices/#checking-for-a-signature
 */
export function verifyJson(object: JsonObject, serverName: string, keys: PublicKeys): SignatureCheck {
  return verifyBytes(() => signedBytes(object), object, serverName, keys);
}

/**
 * Checks the signatures of one server on an event, which cover what redaction keeps. Signatures by other
 * keys, such as those of a policy server, are ignored.
 *
 * @param keys the server's keys that are valid for this event: leave out expired ones
 * @throws {PduError} for an event that has no canonical JSON
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#validating-hashes-and-signatures-on-received-events
 */
export function verifyPdu(
  pdu: JsonObject,
  roomVersion: string,
  serverName: string,
  keys: PublicKeys,
): SignatureCheck {
  const rules = rulesOf(roomVersion);
  return verifyBytes(() => Buffer.from(essentialText(pdu, rules)), pdu, serverName, keys);
}

function verifyBytes(
  bytesOf: () => Buffer | undefined,
  object: JsonObject,
  serverName: string,
  keys: PublicKeys,
): SignatureCheck {
  const signatures = signaturesOf(object, serverName);
  const known = signingKeyIds(object, serverName).filter((keyId) => keys.has(keyId));
  if (known.length === 0) return 'absent';
  const bytes = known.length > MAX_SIGNATURES ? undefined : bytesOf();
  if (bytes === undefined) return 'invalid';
  const isGood = (keyId: string) => {
    const key = readPublicKey(keys.get(keyId) ?? '');
    const signature = readSignature(signatures[keyId]);
    return key !== undefined && signature !== undefined && verify(null, bytes, key, signature);
  };
  return known.every(isGood) ? 'valid' : 'invalid';
}

function signaturesOf({ signatures }: JsonObject, serverName: string): JsonObject {
  if (!isObject(signatures) || !Object.hasOwn(signatures, serverName)) return {};
  const own = signatures[serverName];
  return isObject(own) ? own : {};
}
