import type { JsonObject, JsonValue } from '../rooms/event.ts';
import { MAX_DEPTH } from './depth.ts';
import { isExactNumber } from './exact-json.ts';

/** Strings that need no escapes in JSON. Checking this first is faster than calling `JSON.stringify`. */
const PLAIN_ASCII = /^[ !#-[\]-~]*$/;

/** Thrown for a value without canonical JSON, and caught by the exported functions. */
class NotCanonical extends Error {}

/** Returns a number as a string, or `undefined` for a number that must not be written. */
type WriteNumber = (value: unknown) => string | undefined;

/**
 * Returns canonical JSON, or `undefined` for a value that has none: a number that is −0 or not an integer from −(2^53−1) to
 * 2^53−1, a string with a lone surrogate, more than 200 levels of arrays and objects, or a value that is not JSON.
 *
 * `JSON.parse` reads `1.0` as 1, so this function cannot refuse it. Use `parseJson` instead.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#canonical-json
 */
export function canonicalJson(value: JsonValue): string | undefined {
  return written(value, writeInteger);
}

/**
 * Returns canonical JSON as used before room version 6: any number is allowed, and an `ExactNumber` is written as it was
 * read. Returns `undefined` for a value that is not JSON.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v1/#canonical-json
 */
export function lenientCanonicalJson(value: JsonValue): string | undefined {
  return written(value, writeAnyNumber);
}

/**
 * Visits the members of an object in the order of canonical JSON, each in its canonical form, such as `"depth":1`.
 *
 * @param object its keys are ASCII letters and `_`
 * @returns false if the object has no canonical JSON
 */
export function visitCanonicalMembers(
  object: JsonObject,
  visit: (key: string, member: string) => void,
): boolean {
  const isCanonical = unlessRefused(() => {
    for (const key of Object.keys(object).sort()) {
      visit(key, `"${key}":${write(object[key], 1, writeInteger)}`);
    }
    return true;
  });
  return isCanonical ?? false;
}

function writeInteger(value: unknown): string | undefined {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : undefined;
}

function writeAnyNumber(value: unknown): string | undefined {
  if (isExactNumber(value)) return value.text;
  return Number.isFinite(value) ? JSON.stringify(value) : undefined;
}

function written(value: JsonValue, writeNumber: WriteNumber): string | undefined {
  return unlessRefused(() => write(value, 0, writeNumber));
}

function unlessRefused<Written>(write: () => Written): Written | undefined {
  try {
    return write();
  } catch (error) {
    if (error instanceof NotCanonical) return undefined;
    throw error;
  }
}

function write(value: unknown, depth: number, writeNumber: WriteNumber): string {
  if (typeof value === 'string') return writeString(value);
  if (typeof value === 'number' || isExactNumber(value)) return writeNumber(value) ?? refuse();
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object' || depth === MAX_DEPTH) return refuse();
  if (!Array.isArray(value)) return writeObject(value as JsonObject, depth, writeNumber);
  // `Array.from` makes holes visible.
  return `[${Array.from(value, (item) => write(item, depth + 1, writeNumber)).join(',')}]`;
}

function writeObject(object: JsonObject, depth: number, writeNumber: WriteNumber): string {
  const keys = Object.keys(object).sort();
  let text = '';
  for (const key of keys) {
    if (!PLAIN_ASCII.test(key)) return writeUnicodeObject(object, depth, writeNumber);
    text += `${text === '' ? '' : ','}"${key}":${write(object[key], depth + 1, writeNumber)}`;
  }
  return `{${text}}`;
}

/** JavaScript sorts strings by UTF-16 units. In UTF-8, the order of bytes is that of code points. */
function writeUnicodeObject(object: JsonObject, depth: number, writeNumber: WriteNumber): string {
  const entries = Object.entries(object).map(([key, value]) => ({
    bytes: Buffer.from(key),
    text: `${writeString(key)}:${write(value, depth + 1, writeNumber)}`,
  }));
  entries.sort((one, other) => Buffer.compare(one.bytes, other.bytes));
  return `{${entries.map(({ text }) => text).join(',')}}`;
}

function writeString(value: string): string {
  if (PLAIN_ASCII.test(value)) return `"${value}"`;
  // The shortest escapes, as in the grammar of canonical JSON.
  return value.isWellFormed() ? JSON.stringify(value) : refuse();
}

function refuse(): never {
  throw new NotCanonical();
}
