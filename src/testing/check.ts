import assert from 'node:assert/strict';
import type { JsonValue, StateKey } from '../rooms/event.ts';

/** Fails, with a message that says what was expected and what was seen, unless both are the same JSON. */
export function checkSame(seen: unknown, expected: unknown, what: string): void {
  const [seenText, expectedText] = [toText(seen), toText(expected)];
  assert.ok(seenText === expectedText, `${what}: expected ${short(expectedText)}, saw ${short(seenText)}`);
}

/** Fails with the message unless the condition holds. */
export function check(condition: boolean, message: string): asserts condition {
  assert.ok(condition, message);
}

/** The events in an order of their own, for comparing sets of them: stores promise none. */
export function byKey<T extends StateKey>(events: readonly T[] = []): T[] {
  const textOf = ({ type, state_key }: T) => JSON.stringify([type, state_key]);
  return [...events].sort((one, other) => (textOf(one) < textOf(other) ? -1 : 1));
}

/** Changes a value as a careless caller might; that it is frozen is as good as that it is a copy. */
export function tamper(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** JSON with sorted keys: the order of an object's keys says nothing, nor does its prototype. */
function toText(value: unknown): string {
  if (value === undefined) return 'undefined';
  return JSON.stringify(sorted(value as JsonValue));
}

function sorted(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return entries.map(([key, member]) => ({ key, value: sorted(member) }));
}

function short(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`;
}
