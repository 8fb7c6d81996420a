import { type KeyObject, sign } from 'node:crypto';
import { encodeBase64 } from '../../src/pdu/base64.ts';
import { keysThatSigned, signedBytes } from '../../src/pdu/signatures.ts';
import { fieldOf, isJsonObject } from '../../src/rooms/content.ts';
import type { JsonObject } from '../../src/rooms/event.ts';

/**
 * Returns a copy of an object with a signature of `entity` added, as identity servers and homeservers do.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#signing-details
 */
export function signJson(
  object: JsonObject,
  entity: string,
  keyId: `ed25519:${string}`,
  privateKey: KeyObject,
): JsonObject {
  const bytes = signedBytes(object);
  if (bytes === undefined) throw new TypeError('only an object that has canonical JSON can be signed');
  const signatures = objectIn(object, 'signatures');
  const own = { ...objectIn(signatures, entity), [keyId]: encodeBase64(sign(null, bytes, privateKey)) };
  return { ...object, signatures: { ...signatures, [entity]: own } };
}

/** Returns true if the object has a good signature of this key under these names. */
export function isSignedBy(object: JsonObject, entity: string, keyId: string, publicKey: string): boolean {
  const signature = fieldOf(objectIn(objectIn(object, 'signatures'), entity), keyId);
  if (signature === undefined) return false;
  return (
    keysThatSigned({ ...object, signatures: { [entity]: { [keyId]: signature } } }, [publicKey]).length > 0
  );
}

function objectIn(object: JsonObject, name: string): JsonObject {
  const value = fieldOf(object, name);
  return isJsonObject(value) ? value : {};
}
