/** Almost correct tokens, by name. */
export const NEAR_MISSES: Readonly<Record<string, (token: string) => string>> = {
  'the first half of a token': (token) => token.slice(0, Math.ceil(token.length / 2)),
  'a token without its last character': (token) => token.slice(0, -1),
  'a token without its first character': (token) => token.slice(1),
  'the first character of a token': (token) => token.slice(0, 1),
  'a token with another last character': (token) => `${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`,
  'a token with an extra last character': (token) => `${token}x`,
  'a token with an extra first character': (token) => `x${token}`,
  'a token repeated twice': (token) => token + token,
  'a token in upper case': (token) => token.toUpperCase(),
  'a token in lower case': (token) => token.toLowerCase(),
  'a token with one letter in the other case': (token) => token.replace(/\p{L}/u, swapCase),
  'a composed token (NFC)': (token) => token.normalize('NFC'),
  'a decomposed token (NFD)': (token) => token.normalize('NFD'),
  'a full-width token (the same in NFKC)': (token) => token.replace(/[!-~]/g, fullWidth),
  'a token with an invisible character': (token) => `${token.slice(0, 1)}\u200b${token.slice(1)}`,
  'a token with a trailing space': (token) => `${token} `,
  'a token with a leading space': (token) => ` ${token}`,
  'a token with a trailing line feed': (token) => `${token}\n`,
  'a token with a trailing NUL': (token) => `${token}\0`,
  'a token followed by NUL and more': (token) => `${token}\0x`,
  'a token with a wildcard': (token) => `${token.slice(0, -1)}%`,
  'a token with a one-character wildcard': (token) => `${token.slice(0, -1)}_`,
  'a token with its scheme': (token) => `Bearer ${token}`,
  'a token with a percent-encoded character': (token) => token.replace(/^./u, percentEncoded),
  'a token followed by 64 KiB': (token) => token + 'x'.repeat(65_536),
};

/** Unknown tokens that break careless lookups. */
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
