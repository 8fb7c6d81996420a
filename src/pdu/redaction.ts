import type { JsonObject } from '../rooms/event.ts';
import type { Kept } from '../rooms/redaction-rules.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { isObject } from './exact-json.ts';
import { rulesOf } from './room-version-of.ts';

/**
 * Returns what redaction keeps of an event, as a new object. Signatures and the event ID cover exactly that. Before room
 * version 11, redaction keeps neither the `invite` level nor the `third_party_invite` of an invite.
 *
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/client-server-api/#redactions
 */
export function redact(event: JsonObject, roomVersion: string): JsonObject {
  return redacted(event, rulesOf(roomVersion));
}

/** Returns what redaction keeps of an event, as a new object that shares the kept values. */
export function redacted(
  event: JsonObject,
  { redaction }: RoomVersionRules,
): JsonObject & { content: JsonObject } {
  const kept = typeof event.type === 'string' ? redaction.content[event.type] : undefined;
  const content = kept !== undefined && isObject(event.content) ? partOf(event.content, kept) : {};
  return Object.assign(keptOf(event, redaction.event), { content });
}

function partOf(object: JsonObject, kept: Kept): JsonObject {
  return kept === true ? object : keptOf(object, kept);
}

/** Copies key by key: a spread, or a list of entries, takes several times as long. */
function keptOf(object: JsonObject, kept: { readonly [key: string]: Kept }): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(object)) {
    const keep = kept[key];
    const value = object[key];
    if (keep === undefined || value === undefined) continue;
    if (keep === true) result[key] = value;
    else if (isObject(value)) result[key] = keptOf(value, keep);
  }
  return result;
}
