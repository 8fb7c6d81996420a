import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lenientCanonicalJson } from '../../src/pdu/canonical-json.ts';
import { canonicalJson, ExactNumber, parseJson } from '../../src/pdu/index.ts';

const FLOATS = [
  '1.0',
  '1e2',
  '1E2',
  '1.5e-7',
  '-0',
  '-0.0',
  '9007199254740992',
  '-9007199254740993',
  '1e400',
];

describe('JSON with exact numbers', () => {
  it.each(FLOATS)('keeps %s as it was written', (number) => {
    const value = parseJson(`{"a": [${number}, 1]}`);

    expect(lenientCanonicalJson(value)).toBe(`{"a":[${number},1]}`);
    expect(canonicalJson(value)).toBeUndefined();
    expect(value).toEqual({ a: [new ExactNumber(number), 1] });
    expect(Number((value as { a: unknown[] }).a[0])).toBe(Number(number));
  });

  it('is what JSON.parse returns when all numbers are canonical', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const parsed = JSON.parse(text);
        if (canonicalJson(parsed) === undefined) return;
        if (/[.eE]/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, ''))) return;
        expect(parseJson(text)).toEqual(parsed);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is otherwise the same but for the numbers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify([1.5, value]);
        expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(JSON.parse(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves digits in strings and keys alone, and all keys where they are', () => {
    const text = String.raw`{"1.0":"1.0","a\"1.5":"\\","b":"\"2.5","__proto__":{"n1.0":"s1.0"},"":"","f":1.0}`;

    expect(lenientCanonicalJson(parseJson(text))).toBe(
      String.raw`{"":"","1.0":"1.0","__proto__":{"n1.0":"s1.0"},"a\"1.5":"\\","b":"\"2.5","f":1.0}`,
    );
    expect({}).not.toHaveProperty(['n1.0']);
  });

  it.each(['', '01', '1.', '.5', '+1', '1.0.0', '[1.0', '{"a":1.0,}', '"a', 'NaN', '1.0 2', '-'])(
    'refuses %j, which is no JSON',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );

  it('refuses more than 200 levels around a float', () => {
    const levels = (depth: number) => `${'['.repeat(depth)}1.0${']'.repeat(depth)}`;
    expect(lenientCanonicalJson(parseJson(levels(200)))).toBe(levels(200));
    expect(() => parseJson(levels(201))).toThrow(SyntaxError);
    expect(() => parseJson(levels(100_000))).toThrow(SyntaxError);
  });

  it('takes time in proportion to its length', () => {
    const text = JSON.stringify(['\\"'.repeat(500_000), 'x'.repeat(500_000), 1.5]);
    expect(parseJson(text)).toHaveLength(3);
  });
});

describe('lenient canonical JSON', () => {
  it('has every number that JSON can have', () => {
    expect(lenientCanonicalJson([1.5, -0, 1e21, 2 ** 53])).toBe('[1.5,0,1e+21,9007199254740992]');
    expect(lenientCanonicalJson([Number.NaN])).toBeUndefined();
    expect(lenientCanonicalJson([Number.POSITIVE_INFINITY])).toBeUndefined();
  });
});
