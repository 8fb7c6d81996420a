import type { JsonObject, JsonValue } from '../rooms/event.ts';

/** Nothing that Matrix sends is nearly as deep, and each level takes a frame of the stack. */
const MAX_DEPTH = 200;

/**
 * Returns canonical JSON, or `undefined` for a value that has none: a number that is no integer from −(2^53−1) to 2^53−1 or
 * is −0, a string with half of a surrogate pair, more than 200 levels of arrays and objects, or no JSON at all.
 *
 * `JSON.parse` has read `1.0` as 1 before this function can refuse it.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#canonical-json
 */
export function canonicalJson(value: JsonValue): string | undefined {
  return isCanonical(value, 0) ? write(value) : undefined;
}

function isCanonical(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return value === null || typeof value === 'boolean';
  if (depth === MAX_DEPTH) return false;
  // The spread makes holes of a list visible.
  if (Array.isArray(value)) return [...value].every((item) => isCanonical(item, depth + 1));
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isCanonical(item, depth + 1));
}

function write(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value === 'object' && value !== null) return writeObject(value);
  // The shortest escapes, as in the grammar of canonical JSON.
  return JSON.stringify(value);
}

/** JavaScript sorts strings by UTF-16 units. In UTF-8, the order of bytes is that of code points. */
function writeObject(object: JsonObject): string {
  const keys = Object.keys(object)
    .map((key) => Buffer.from(key))
    .sort(Buffer.compare)
    .map(String);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${write(object[key] ?? null)}`).join(',')}}`;
}
