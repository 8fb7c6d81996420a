import { hash } from 'node:crypto';
import type { JsonObject } from '../rooms/event.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { canonicalJson, lenientCanonicalJson } from './canonical-json.ts';
import { isObject } from './exact-json.ts';
import { PduError } from './pdu.ts';
import { redacted } from './redaction.ts';
import { rulesOf } from './room-version-of.ts';

/** The characters of a SHA-256 hash in base64 without padding. */
const UNPADDED = 43;

/**
 * Returns true if the content hash in an event's `hashes` is correct. Otherwise the event was changed, or redacted by
 * whoever sent it: use only what `redact` keeps.
 *
 * @throws {PduError} for an event that has no canonical JSON
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#calculating-the-content-hash-for-an-event
 */
export function hasValidContentHash(event: JsonObject, roomVersion: string): boolean {
  const { hashes, signatures: _signatures, unsigned: _unsigned, ...content } = event;
  const claimed = isObject(hashes) ? hashes.sha256 : undefined;
  const bytes = typeof claimed === 'string' ? decodeBase64(claimed) : undefined;
  return bytes !== undefined && encodeBase64(bytes) === sha256(canonicalText(content, rulesOf(roomVersion)));
}

/**
 * Returns an event's canonical JSON in its room version.
 *
 * @throws {PduError} for an event that has none
 */
export function canonicalText(event: JsonObject, { strictCanonicalJson }: RoomVersionRules): string {
  const text = strictCanonicalJson ? canonicalJson(event) : lenientCanonicalJson(event);
  if (text === undefined) {
    throw new PduError({ reason: 'malformed', message: 'the event has no canonical JSON' });
  }
  return text;
}

/** Returns the canonical JSON that the signatures and the reference hash of an event cover. */
export function essentialText(event: JsonObject, rules: RoomVersionRules): string {
  const essential = redacted(event, rules);
  // Redaction has removed `unsigned`.
  delete essential.signatures;
  return canonicalText(essential, rules);
}

/** Returns `$` and the hash of the result of {@link essentialText}, in the alphabet of the room version. */
export function hashId(essential: string | Uint8Array, { eventIdAlphabet }: RoomVersionRules): string {
  return `$${eventIdAlphabet === 'urlSafe' ? hash('sha256', essential, 'base64url') : sha256(essential)}`;
}

/** Returns the hash of bytes, or of a string in UTF-8, in unpadded base64. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'base64').slice(0, UNPADDED);
}
