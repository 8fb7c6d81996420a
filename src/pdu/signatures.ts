import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fieldOf, isJsonObject } from '../rooms/content.ts';
import type { JsonObject, JsonValue } from '../rooms/event.ts';
import { isSmallOrder } from '../rooms/public-key.ts';
import { decodeBase64, encodeUrlSafeBase64 } from './base64.ts';
import { canonicalJson } from './canonical-json.ts';

const KEY_BYTES = 32;

/** A check takes up to half a millisecond, and strangers choose how many signatures an object has. */
const MAX_CHECKS = 20;

/**
 * Returns the public keys that have signed an object, under any entity name and any ID of an Ed25519 key. Malformed or wrong
 * signatures and keys are ignored. If the number of signatures times the number of keys is above 20, the result is empty.
 *
 * @param publicKeys each 32 bytes in unpadded base64, in either alphabet
 */
export function keysThatSigned(object: JsonObject, publicKeys: readonly string[]): string[] {
  if (checksOf(object, publicKeys) === 0) return [];
  const signatures = signaturesOf(object);
  const bytes = signedBytes(object);
  if (bytes === undefined) return [];
  return [...new Set(publicKeys)].filter((text) => {
    const key = readPublicKey(text);
    return key !== undefined && signatures.some((signature) => verify(null, bytes, key, signature));
  });
}

/** Returns the number of signature checks that {@link keysThatSigned} makes at most: 0 if there would be too many. */
export function checksOf(object: JsonObject, publicKeys: readonly string[]): number {
  const checks = signaturesOf(object).length * new Set(publicKeys).size;
  return checks > MAX_CHECKS ? 0 : checks;
}

/** Returns what a signature covers: the object without `signatures` and `unsigned`. */
export function signedBytes({
  signatures: _signatures,
  unsigned: _unsigned,
  ...signed
}: JsonObject): Buffer | undefined {
  const text = canonicalJson(signed);
  return text === undefined ? undefined : Buffer.from(text);
}

function signaturesOf(object: JsonObject): Buffer[] {
  return Object.values(objectOf(fieldOf(object, 'signatures')))
    .flatMap((byKeyId) => Object.entries(objectOf(byKeyId)))
    .flatMap(([keyId, text]) => (keyId.startsWith('ed25519:') ? (readSignature(text) ?? []) : []));
}

export function readSignature(text: JsonValue | undefined): Buffer | undefined {
  return typeof text === 'string' ? decodeBase64(text) : undefined;
}

export function readPublicKey(text: string): KeyObject | undefined {
  const bytes = decodeBase64(text);
  if (bytes?.length !== KEY_BYTES || isSmallOrder(bytes)) return undefined;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: encodeUrlSafeBase64(bytes) };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
