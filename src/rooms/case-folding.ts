/** Letters that JavaScript folds otherwise than Unicode, or does not know on every Node: `[first, last, distance]`. */
const EXCEPTIONS: readonly (readonly [first: number, last: number, distance: number])[] = [
  // ı becomes I and then i, which is its folding only in Turkish.
  [0x0131, 0x0131, 0],
  // Cherokee is folded to its older letters, which are the capitals.
  [0x13a0, 0x13f5, 0],
  [0x13f8, 0x13fd, 0x13f0 - 0x13f8],
  [0xab70, 0xabbf, 0x13a0 - 0xab70],
  // New in Unicode 16. A Node that uses the system's ICU may be older.
  [0x1c89, 0x1c89, 1],
  [0xa7cb, 0xa7cb, 0x0264 - 0xa7cb],
  [0xa7cc, 0xa7cc, 1],
  [0xa7da, 0xa7da, 1],
  [0xa7dc, 0xa7dc, 0x019b - 0xa7dc],
  [0x10d50, 0x10d65, 0x10d70 - 0x10d50],
  // New in Unicode 17. Node 20.19, 22.12 and 24.0 have Unicode 16.
  [0xa7ce, 0xa7ce, 1],
  [0xa7d2, 0xa7d2, 1],
  [0xa7d4, 0xa7d4, 1],
  [0x16ea0, 0x16eb8, 0x16ebb - 0x16ea0],
];

/**
 * Returns the full case folding of Unicode 17, the same on every version of Node: hashes of folded text are stored.
 *
 * @see https://www.unicode.org/Public/17.0.0/ucd/CaseFolding.txt
 */
export function foldCase(text: string): string {
  return Array.from(text, foldCharacter).join('');
}

function foldCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const exception = EXCEPTIONS.find(([first, last]) => first <= point && point <= last);
  if (exception !== undefined) return String.fromCodePoint(point + exception[2]);
  return character.toLowerCase().toUpperCase().toLowerCase();
}
