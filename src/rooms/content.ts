import type { JsonObject, JsonValue } from './event.ts';

/** Whether a value is a JSON object: neither an array nor null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value under a key, or `undefined` where there is none, be it because `object` is no object.
 *
 * Only own properties count: a key can be any text, `__proto__` and `constructor` among them, and an event that
 * a host read from its store need not have the content that its type promises.
 */
export function fieldOf(object: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}
