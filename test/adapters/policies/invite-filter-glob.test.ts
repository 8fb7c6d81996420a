import { inviteFilter } from 'express-matrix-invite/policies/invite-filter';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { charactersOf, matchesGlob } from '../../../src/rooms/glob.ts';
import { invite, seedRoom, setUp } from '../../http/support.ts';
import { timed } from '../../invite/support.ts';

const matches = (glob: string, text: string) => matchesGlob(charactersOf(glob), charactersOf(text));

/**
 * Implements the rules of the specification in another way: a table of which prefixes of the string each
 * prefix of the glob matches. It shares no code with the tested implementation.
 */
function matchesByTable(glob: string, text: string): boolean {
  const fold = (character: string) => (/[A-Z]/.test(character) ? character.toLowerCase() : character);
  const characters = Array.from(text, fold);
  let row = [true, ...characters.map(() => false)];
  for (const wanted of Array.from(glob, fold)) {
    const above = row;
    row = [];
    for (let length = 0; length <= characters.length; length += 1) {
      const matchesOne = wanted === '?' || wanted === characters[length - 1];
      row.push(
        wanted === '*'
          ? above[length] === true || row[length - 1] === true
          : length > 0 && matchesOne && above[length - 1] === true,
      );
    }
  }
  return row.at(-1) === true;
}

const runs = { numRuns: 3_000 };
const textOf = (...characters: string[]) =>
  fc.array(fc.constantFrom(...characters), { maxLength: 12 }).map((list) => list.join(''));

describe('a glob', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['?', '', false],
    ['?*', 'a', true],
    ['a*b', 'ab', true],
    ['a*b', 'a', false],
    ['a*ba', 'abcba', true],
    ['a*bab', 'ababab', true],
    ['*.org', 'org', false],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['a\\*', 'a\\x', true],
    ['a?c', 'a\nc', true],
    ['a*c', 'a\n\n\nc', true],
  ])('%j on %j: %s', (glob, text, expected) => {
    expect(matches(glob, text)).toBe(expected);
    expect(matchesByTable(glob, text)).toBe(expected);
  });

  it('matches like the table of all prefixes', () => {
    const globs = textOf('a', 'b', 'A', '*', '*', '?', '😀', '.');
    fc.assert(
      fc.property(globs, textOf('a', 'b', 'B', '😀', '.'), (glob, text) => {
        expect(matches(glob, text)).toBe(matchesByTable(glob, text));
      }),
      runs,
    );
  });

  it('matches every string that it was derived from', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => ({ glob: text, text })),
      fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => ({ glob: '*', text })),
      fc.constantFrom('x', '😀', '\n').map((text) => ({ glob: '?', text })),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const glob = pieces.map((one) => one.glob).join('');
        expect(matches(glob, pieces.map((one) => one.text).join(''))).toBe(true);
      }),
      runs,
    );
  });
});

/** Globs that take a backtracking matcher very long. None of them matches 254 times `a`. */
const HARD: readonly [string, string][] = [
  ['stars', `${'*a'.repeat(120)}*b`],
  ['a long tail', `*${'a'.repeat(127)}b`],
  ['stars and a long tail', `${'*a'.repeat(60)}*${'a'.repeat(100)}b`],
  ['runs of stars', `${'***a'.repeat(60)}b`],
  ['question marks', `${'*?'.repeat(120)}b`],
  ['question marks in the tail', `*${'?'.repeat(120)}b`],
];

/** Wraps a string so that it counts how often it is read. */
function countReads(text: readonly string[]) {
  let reads = 0;
  const counted = new Proxy(text, {
    get(target, key, receiver) {
      if (key !== 'length') reads += 1;
      return Reflect.get(target, key, receiver);
    },
  });
  return { counted, reads: () => reads };
}

describe('the cost of a glob', () => {
  it.each(HARD)('is at most glob length × string length: %s', (_case, glob) => {
    const text = charactersOf('a'.repeat(254));
    const { counted, reads } = countReads(text);
    const characters = charactersOf(glob);
    expect(matchesGlob(characters, counted)).toBe(false);
    expect(reads()).toBeLessThanOrEqual(characters.length * text.length);
  });

  it('is that of its end, if the end does not match', () => {
    const text = charactersOf('a'.repeat(254));
    const { counted, reads } = countReads(text);
    expect(matchesGlob(charactersOf(`*${'a'.repeat(127)}b`), counted)).toBe(false);
    expect(reads()).toBeLessThanOrEqual(128);
  });

  it('is bounded for any set of globs in a filter', async () => {
    const inviter = `@${'a'.repeat(242)}:example.org`;
    const globs = HARD.flatMap(([, glob]) => Array<string>(300).fill(glob));
    const users = {
      getAccountData: async () => ({ allowed_users: globs, blocked_servers: ['example.org'] }),
    };
    const auth = { authenticate: async () => ({ requester: { userId: inviter } }) };
    const { app, store } = setUp({ auth, policies: [inviteFilter({ users })], deadlineMs: 60_000 });
    await seedRoom(store, { members: { [inviter]: 'join' } });
    const { value, milliseconds } = await timed(() => invite(app));
    expect(value.status).toBe(403);
    expect(value.body.errcode).toBe('M_INVITE_BLOCKED');
    expect(milliseconds).toBeLessThan(10_000);
  });
});
