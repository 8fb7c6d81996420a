import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/pdu/canonical-json.ts';
import type { JsonValue } from '../../src/rooms/event.ts';
import { canonicalValue } from './support.ts';

const parse = (text: string) => JSON.parse(text) as JsonValue;
/** A value that its type forbids. */
const odd = (value: unknown) => value as JsonValue;

/** Returns arrays and objects in turn, so many levels deep. */
function levels(depth: number): JsonValue {
  let value: JsonValue = 'bottom';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { next: value };
  return value;
}

describe('canonical JSON', () => {
  const deepObject = {
    auth: {
      success: true,
      mxid: '@john.doe:example.com',
      profile: {
        display_name: 'John Doe',
        three_pids: [
          { medium: 'email', address: 'john.doe@example.org' },
          { medium: 'msisdn', address: '123456789' },
        ],
      },
    },
  };

  // https://spec.matrix.org/v1.18/appendices/#canonical-json, except for the last example there.
  it.each([
    ['{}', '{}'],
    ['{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'],
    ['{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'],
    ['{"b":"2","a":"1"}', '{"a":"1","b":"2"}'],
    [
      JSON.stringify(deepObject, null, 4),
      '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
    ],
    ['{"a": "日本語"}', '{"a":"日本語"}'],
    ['{"本": 2, "日": 1}', '{"日":1,"本":2}'],
    [String.raw`{"a": "\u65E5"}`, '{"a":"日"}'],
    ['{"a": null}', '{"a":null}'],
  ])('is as in the example %s of the specification', (text, expected) => {
    expect(canonicalJson(parse(text))).toBe(expected);
  });

  it('refuses the −0 of the last example, which the text above it forbids, and writes the rest of it', () => {
    expect(canonicalJson(parse('{"a": -0, "b": 1e10}'))).toBeUndefined();
    expect(canonicalJson(parse('{"a": 0, "b": 1e10}'))).toBe('{"a":0,"b":10000000000}');
  });

  it('sorts keys by code point, not by UTF-16 unit or by number', () => {
    expect(canonicalJson({ '😀': 1, '｡': 2, a: 3, '': 4 })).toBe('{"":4,"a":3,"｡":2,"😀":1}');
    expect(canonicalJson({ 10: 1, 9: 2, '09': 3, a: 4, A: 5, aa: 6 })).toBe(
      '{"09":3,"10":1,"9":2,"A":5,"a":4,"aa":6}',
    );
  });

  it('escapes only what the grammar escapes', () => {
    expect(canonicalJson('\b\t\n\f\r"\\\0\u001F\u000B')).toBe(String.raw`"\b\t\n\f\r\"\\\u0000\u001f\u000b"`);
    expect(canonicalJson('/\u007F\u0080\u2028\u2029\uFFFF')).toBe('"/\u007F\u0080\u2028\u2029\uFFFF"');
  });

  it('keeps keys that are names of Object.prototype', () => {
    const text = '{"__proto__":{"a":1},"constructor":2,"toJSON":3}';

    expect(canonicalJson(parse(text))).toBe(text);
  });

  it('has integers up to 2^53−1', () => {
    expect(canonicalJson([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])).toBe(
      '[9007199254740991,-9007199254740991]',
    );
  });

  it.each<[string, JsonValue]>([
    ['2^53', 2 ** 53],
    ['−2^53', -(2 ** 53)],
    ['a float', 1.5],
    ['−0', -0],
    ['NaN', Number.NaN],
    ['an infinite number', Number.POSITIVE_INFINITY],
    ['half of a surrogate pair', 'a\uD83D'],
    ['halves in the wrong order', '\uDE00\uD83D'],
    ['undefined', odd(undefined)],
    ['a bigint', odd(1n)],
    ['a function', odd(() => 1)],
    ['a symbol', odd(Symbol('a'))],
  ])('does not exist for %s, at any place', (_case, value) => {
    for (const place of [value, [1, value], { a: { b: value } }, { '': [[value]] }]) {
      expect(canonicalJson(place)).toBeUndefined();
    }
  });

  it('does not exist for a key with half of a surrogate pair, or a list with a hole', () => {
    expect(canonicalJson({ 'a\uD83D': 1 })).toBeUndefined();
    expect(canonicalJson(odd(new Array(2)))).toBeUndefined();
  });

  it('exists for up to 200 levels', () => {
    expect(canonicalJson(levels(200))).toBe(JSON.stringify(levels(200)));
    expect(canonicalJson(levels(201))).toBeUndefined();
    expect(canonicalJson(levels(100_000))).toBeUndefined();
  });

  it('does not exist for an object that contains itself', () => {
    const circle: { self?: JsonValue } = {};
    circle.self = circle as JsonValue;

    expect(canonicalJson(circle as JsonValue)).toBeUndefined();
  });
});

describe('the canonical JSON of any value', () => {
  it('is parsed as that value, and written the same again', () => {
    fc.assert(
      fc.property(canonicalValue, (value) => {
        const text = canonicalJson(value) ?? '';
        expect(JSON.parse(text)).toEqual(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has the keys of each object in the order of their code points', () => {
    fc.assert(
      fc.property(canonicalValue, (value) => {
        expectSorted(canonicalJson(value) ?? '');
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not depend on the order of keys', () => {
    const entries = fc
      .dictionary(fc.string({ unit: 'binary' }), canonicalValue)
      .map(Object.entries<JsonValue>);
    const twice = entries.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(twice, ([one, other]) => {
        expect(canonicalJson(Object.fromEntries(other))).toBe(canonicalJson(Object.fromEntries(one)));
      }),
    );
  });

  it('has no white space outside strings, and no escape that can be left out', () => {
    fc.assert(
      fc.property(canonicalValue, (value) => {
        const text = canonicalJson(value) ?? '';
        expect(text.replace(/"(?:[^"\\]|\\.)*"/gs, '')).toMatch(/^[-0-9a-z{}[\],:]*$/);
        for (const written of text.match(/\\(?:u.{4}|.)/g) ?? []) {
          expect(written).toMatch(/^\\(?:[btnfr"\\]|u000[0-7bef]|u001[0-9a-f])$/);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Reads the keys from the text: a parser moves keys such as `1` to the front. */
function expectSorted(text: string): void {
  const open: string[][] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*":?|[{}[\]]/gs)) {
    if (token === '{' || token === '[') open.push([]);
    else if (token === '}' || token === ']') {
      const points = (open.pop() ?? []).map((key) =>
        Array.from(key, (character) => character.codePointAt(0) ?? 0),
      );
      expect(points).toEqual([...points].sort(byCodePoint));
    } else if (token.endsWith(':')) open.at(-1)?.push(JSON.parse(token.slice(0, -1)) as string);
  }
}

function byCodePoint(one: number[], other: number[]): number {
  const index = one.findIndex((point, at) => point !== other[at]);
  return index === -1 ? one.length - other.length : (one[index] ?? 0) - (other[index] ?? -1);
}
