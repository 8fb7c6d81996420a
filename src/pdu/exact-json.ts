import { isJsonObject } from '../rooms/content.ts';
import type { JsonObject, JsonValue } from '../rooms/event.ts';
import { MAX_DEPTH } from './depth.ts';

/** Strings, which may contain digits, and numbers. `JSON.parse` checks their grammar. */
const STRINGS_AND_NUMBERS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/**
 * A number that is not written as in canonical JSON: a float such as `1.0` or `1e2`, −0, or an integer beyond 2^53−1.
 * Before room version 6, events may have such numbers, and signatures cover them as they were written.
 *
 * `JSON.stringify` writes the nearest JavaScript number.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v1/#canonical-json
 */
export class ExactNumber extends Number {
  /** The number as it was written. */
  readonly text: string;

  constructor(text: string) {
    super(text);
    this.text = text;
  }
}

/** Returns true for an {@link ExactNumber} from any copy of this package, ESM or CommonJS. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return value instanceof Number && 'text' in value && typeof value.text === 'string';
}

/** Returns true for a JSON object, which an {@link ExactNumber} is not. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return isJsonObject(value) && !isExactNumber(value);
}

/**
 * Parses JSON like `JSON.parse`, but keeps how numbers are written: any number that canonical JSON does not allow becomes an
 * {@link ExactNumber}. Use it for everything that another server has signed.
 *
 * @throws {SyntaxError} for a string that is not JSON, or that has more than 200 levels of arrays and objects
 */
export function parseJson(text: string): JsonValue {
  const value = JSON.parse(text) as JsonValue;
  let isExact = true;
  const marked = text.replace(STRINGS_AND_NUMBERS, (token) => {
    if (token.startsWith('"')) return `"s${token.slice(1)}`;
    if (isCanonicalNumber(token)) return token;
    isExact = false;
    return `"n${token}"`;
  });
  return isExact ? value : unmark(JSON.parse(marked) as JsonValue, 0);
}

function isCanonicalNumber(text: string): boolean {
  return /^(?:0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text));
}

/** Removes the first letter of each string. After the letter `n`, the string is a number. */
function unmark(value: JsonValue, depth: number): JsonValue {
  if (typeof value === 'string') return value.startsWith('s') ? value.slice(1) : exactNumber(value.slice(1));
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) throw new SyntaxError(`more than ${MAX_DEPTH} levels of arrays and objects`);
  if (Array.isArray(value)) return value.map((item) => unmark(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.slice(1), unmark(item, depth + 1)]),
  );
}

/** `JsonValue` does not include `ExactNumber`, because only the functions of this folder need to know it. */
function exactNumber(text: string): JsonValue {
  return new ExactNumber(text) as unknown as JsonValue;
}
