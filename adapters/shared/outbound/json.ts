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
  let level = containersIn([value]);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true;
    level = containersIn(level.flatMap((each) => Object.values(each)));
  }
  return false;
}

function containersIn(values: readonly JsonValue[]): object[] {
  return values.filter((each) => typeof each === 'object' && each !== null);
}
