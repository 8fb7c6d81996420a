import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { isStorageUnavailable } from '../errors.ts';
import type { StateKey } from '../rooms/event.ts';

/** Fails, with a message that contains both values, unless they are the same JSON. */
export function checkSame(seen: unknown, expected: unknown, what: string): void {
  const [seenJson, expectedJson] = [toJson(seen), toJson(expected)];
  assert.ok(seenJson === expectedJson, `${what}: expected ${short(expectedJson)}, saw ${short(seenJson)}`);
}

/** Fails with the message unless the condition is true. */
export function check(condition: boolean, message: string): asserts condition {
  assert.ok(condition, message);
}

/** Fails unless a call to a store that cannot be reached rejects with a StorageUnavailableError. */
export async function checkUnavailable(call: Promise<unknown> | undefined): Promise<void> {
  const [outcome] = await Promise.allSettled([call]);
  if (outcome.status === 'fulfilled') assert.fail('a call to a store that cannot be reached did not reject');
  const { reason } = outcome;
  check(isStorageUnavailable(reason), `expected a StorageUnavailableError, saw ${String(reason)}`);
}

/** Sorts events by key, to compare sets of them: stores may return any order. */
export function byKey<T extends StateKey>(events: readonly T[] = []): T[] {
  const keyOf = ({ type, state_key }: T) => JSON.stringify([type, state_key]);
  return [...events].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/**
 * Changes a value as a careless caller might. A store may freeze what it returns instead of copying it: the TypeError is
 * ignored.
 */
export function tamper(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/**
 * Returns JSON with sorted keys: neither the order of an object's keys nor its prototype matters. Unlike
 * `JSON.stringify`, it writes every number as it is, even one that is not valid JSON.
 */
function toJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date || value instanceof Map || value instanceof Set) return inspect(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? String(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${toJson(member)}`).join(',')}}`;
}

function short(json: string): string {
  return json.length <= 300 ? json : `${json.slice(0, 300)}… (${json.length} characters)`;
}
