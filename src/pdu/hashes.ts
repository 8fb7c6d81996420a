import { createHash } from 'node:crypto';
import type { JsonObject } from '../rooms/event.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { decodeBase64, encodeBase64, encodeUrlSafeBase64 } from './base64.ts';
import { canonicalJson, lenientCanonicalJson } from './canonical-json.ts';
import { isObject } from './exact-json.ts';
import { PduError } from './pdu.ts';
import { redacted } from './redaction.ts';
import { rulesOf } from './room-version-of.ts';

/**
 * Returns true if an event has the content hash in its `hashes`. Otherwise it was changed, or redacted by whoever sent it:
 * only what {@link redact} keeps may be used.
 *
 * @throws {PduError} for an event that has no canonical JSON
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#calculating-the-content-hash-for-an-event
 */
export function hasValidContentHash(event: JsonObject, roomVersion: string): boolean {
  const claimed = isObject(event.hashes) ? event.hashes.sha256 : undefined;
  const bytes = typeof claimed === 'string' ? decodeBase64(claimed) : undefined;
  return bytes !== undefined && encodeBase64(bytes) === contentHash(event, rulesOf(roomVersion));
}

/**
 * Returns the bytes of an event's canonical JSON in its room version.
 *
 * @throws {PduError} for an event that has none
 */
export function bytesOf(event: JsonObject, { strictCanonicalJson }: RoomVersionRules): Buffer {
  const text = strictCanonicalJson ? canonicalJson(event) : lenientCanonicalJson(event);
  if (text === undefined) {
    throw new PduError({ reason: 'malformed', message: 'the event has no canonical JSON' });
  }
  return Buffer.from(text);
}

/** Returns the bytes that the signatures and the reference hash of an event cover. */
export function essentialBytes(event: JsonObject, rules: RoomVersionRules): Buffer {
  const { signatures: _signatures, unsigned: _unsigned, ...essential } = redacted(event, rules);
  return bytesOf(essential, rules);
}

/** Returns the hash of the whole event, unpadded base64. */
export function contentHash(event: JsonObject, rules: RoomVersionRules): string {
  const { signatures: _signatures, unsigned: _unsigned, hashes: _hashes, ...content } = event;
  return encodeBase64(sha256(bytesOf(content, rules)));
}

/** Returns `$` and the reference hash of an event with these essential bytes, in the alphabet of the room version. */
export function hashId(essential: Buffer, { eventIdAlphabet }: RoomVersionRules): string {
  const hash = sha256(essential);
  return `$${eventIdAlphabet === 'urlSafe' ? encodeUrlSafeBase64(hash) : encodeBase64(hash)}`;
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
