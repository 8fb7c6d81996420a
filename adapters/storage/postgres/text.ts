/**
 * An id as it is stored. PostgreSQL's text has neither NUL nor lone surrogates, so that both are written as escapes
 * here, and different ids stay different. It is at most twice as long as the id, in bytes of UTF-8: three ids of
 * 255 bytes still fit into a row of an index, which takes 2,704.
 */
export function toStoredText(text: string): string {
  // Nearly every id: some ten of them go with an append, and this is a fifth of what the expression costs.
  if (!text.includes('\\') && !text.includes('\0') && text.isWellFormed()) return text;
  return text.replace(/[\\\0]|\p{Surrogate}/gu, (character) => {
    if (character === '\\') return '\\\\';
    return character === '\0' ? '\\0' : `\\u${character.charCodeAt(0).toString(16)}`;
  });
}

/** The id behind a stored text. */
export function fromStoredText(stored: string): string {
  return stored.replace(/\\(?:\\|0|u([0-9a-f]{4}))/g, (escaped, code: string | undefined) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return escaped === '\\0' ? '\0' : '\\';
  });
}
