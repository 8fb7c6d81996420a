import type { JsonObject, JsonValue } from '../../rooms/event.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

/** Contents that a store must return unchanged, by their difficulty. */
const CONTENTS: Readonly<Record<string, JsonObject>> = {
  'an empty object': {},
  'the largest integers of canonical JSON': { most: 2 ** 53 - 1, least: -(2 ** 53) + 1, zero: 0 },
  'numbers with fractions and exponents': { half: 0.5, third: -1 / 3, small: 1e-7, large: 1.5e300 },
  'nested unknown keys': { 'org.example.a': { b: { c: [{ d: { e: 'deep' } }] } }, membership: 'invite' },
  'empty objects and arrays': { object: {}, array: [], nested: [[], {}, [[]]] },
  'null, booleans and empty strings': { null: null, yes: true, no: false, text: '', '': '' },
  'a key named __proto__': JSON.parse('{"__proto__":{"admin":true},"a":{"__proto__":1}}'),
  'keys named like methods': { constructor: 1, toString: 'x', hasOwnProperty: null, valueOf: 0 },
  'keys with dots and dollar signs': { 'a.b': { 'c.d': 1 }, $set: { $gt: '' }, $: 2, 'a.': 3, a: { b: 4 } },
  'arrays in their order, with repeated elements': { list: [3, 1, 2, 10, 1, 3], texts: ['b', 'a', 'B', 'a'] },
  'strings that look like other values': {
    digits: '007',
    fraction: '1.50',
    exponent: '1e3',
    yes: 'true',
    none: 'null',
    object: '{"a":1}',
    array: '[1]',
    time: '2026-01-02T03:04:05.678Z',
  },
  'characters outside of the Basic Multilingual Plane': { '💬': '👩‍👩‍👧', text: '\u{10ffff}' },
  'NUL in strings and keys': { reason: 'a\0b', 'a\0b': 'after', 'a\0c': 'other' },
  'composed and decomposed characters': { '\u00e9': 'e\u0301', 'e\u0301': '\u00e9' },
  'quotes, escapes and line separators': { text: `"'\\/\u2028\u2029\r\n\t\b`, "'; --": '%s $1 ?' },
  'an array of mixed types': { list: [1, '1', null, true, [2], { three: 3 }] },
  'a long string': { text: 'ä'.repeat(30_000) },
  'fifty levels of nesting': { deep: levelsOf(50) },
};

function levelsOf(depth: number): JsonValue {
  return depth === 0 ? 'bottom' : { next: levelsOf(depth - 1) };
}

export const contentCases: readonly ContractCase<StorageHarness>[] = Object.entries(CONTENTS).flatMap(
  ([what, content]) => [
    storageCase({
      name: `reads content unchanged: ${what}`,
      postcondition: 'readState 1',
      requires: ['putState'],
      async run(harness) {
        const room = await CaseRoom.create(harness);
        const key = { type: 'org.example.content', state_key: '' };
        await harness.putState(room.event(key, structuredClone(content)));
        checkSame((await room.current(key))?.content, content, 'content');
      },
    }),
    storageCase({
      name: `appends content unchanged, even if it is in the basis: ${what}`,
      postcondition: 'appendEvent 1',
      requires: ['putState'],
      async run(harness) {
        const room = await CaseRoom.create(harness);
        const key = { type: 'org.example.content', state_key: 'key' };
        for (const round of ['first', 'second']) {
          const event = room.event(key, structuredClone(content));
          checkSame(
            (await room.append(event, await room.read([key]))).outcome,
            'appended',
            `${round} append`,
          );
          checkSame((await room.current(key))?.content, content, 'content');
        }
      },
    }),
  ],
);
