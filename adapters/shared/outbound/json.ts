import type { JsonValue } from '../../../src/rooms/event.ts';

/** The number of arrays and objects that may be inside each other. Code that recurses must not overflow the stack. */
const MAX_DEPTH = 200;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Returns the JSON of an answer, or undefined if it is not JSON, not UTF-8, or too deep. */
export function parseJson(bytes: Uint8Array): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(utf8.decode(bytes));
    return isTooDeep(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

function isTooDeep(value: JsonValue): boolean {
  let level = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
    if (level.length === 0) return false;
  }
  return true;
}
