import type { JsonObject, JsonValue } from '../rooms/event.ts';
import type { Kept } from '../rooms/redaction-rules.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { isObject } from './exact-json.ts';
import { rulesOf } from './room-version-of.ts';

/**
 * Returns what redaction keeps of an event, as a new object. It is what signatures and the event ID cover. Before room
 * version 11, that is neither the `invite` level nor the `third_party_invite` of an invite.
 *
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/client-server-api/#redactions
 */
export function redact(event: JsonObject, roomVersion: string): JsonObject {
  return redacted(event, rulesOf(roomVersion));
}

/** Returns what redaction keeps of an event, as a new object that shares the kept values. */
export function redacted(event: JsonObject, { redaction }: RoomVersionRules): JsonObject {
  const type = Object.hasOwn(event, 'type') ? event.type : undefined;
  const content = keptOf(event.content, (typeof type === 'string' && redaction.content[type]) || {});
  return { ...keptOf(event, redaction.event), content: content ?? {} };
}

function keptOf(value: JsonValue | undefined, kept: Kept): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  if (kept === true) return value;
  const result: JsonObject = {};
  for (const [key, keep] of Object.entries(kept)) {
    if (!Object.hasOwn(value, key)) continue;
    const part = keep === true ? value[key] : keptOf(value[key], keep);
    if (part !== undefined) result[key] = part;
  }
  return result;
}
