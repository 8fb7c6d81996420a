/** Ways of getting a token nearly right, by name. */
export const NEAR_MISSES: Readonly<Record<string, (token: string) => string>> = {
  'its first half': (token) => token.slice(0, Math.ceil(token.length / 2)),
  'all but its last character': (token) => token.slice(0, -1),
  'all but its first character': (token) => token.slice(1),
  'its first character': (token) => token.slice(0, 1),
  'another last character': (token) => `${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`,
  'one character more': (token) => `${token}x`,
  'one character before': (token) => `x${token}`,
  twice: (token) => token + token,
  'upper case': (token) => token.toUpperCase(),
  'lower case': (token) => token.toLowerCase(),
  'one letter in another case': (token) => token.replace(/\p{L}/u, swapCase),
  'composed (NFC)': (token) => token.normalize('NFC'),
  'decomposed (NFD)': (token) => token.normalize('NFD'),
  'full-width (the same in NFKC)': (token) => token.replace(/[!-~]/g, fullWidth),
  'an invisible character inside': (token) => `${token.slice(0, 1)}\u200b${token.slice(1)}`,
  'a trailing space': (token) => `${token} `,
  'a leading space': (token) => ` ${token}`,
  'a trailing line feed': (token) => `${token}\n`,
  'a trailing NUL': (token) => `${token}\0`,
  'NUL and more': (token) => `${token}\0x`,
  'a wildcard': (token) => `${token.slice(0, -1)}%`,
  'a one-character wildcard': (token) => `${token.slice(0, -1)}_`,
  'the scheme before it': (token) => `Bearer ${token}`,
  'a percent-encoded character': (token) => token.replace(/^./u, percentEncoded),
  '64 KiB behind it': (token) => token + 'x'.repeat(65_536),
};

/** Tokens that nobody has, and that trip careless look-ups. */
export const STRANGE_TOKENS: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'undefined',
  'null',
  'true',
  '0',
  '*',
  '%',
  ' ',
  '\0',
  '\ud800',
  "' OR '1'='1",
  '💬',
  'x'.repeat(65_536),
];

function swapCase(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
}

function fullWidth(character: string): string {
  return String.fromCodePoint((character.codePointAt(0) ?? 0) + 0xfee0);
}

function percentEncoded(character: string): string {
  return `%${(character.codePointAt(0) ?? 0).toString(16)}`;
}
