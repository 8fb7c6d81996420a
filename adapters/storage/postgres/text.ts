/**
 * An id as it is stored. PostgreSQL's text has neither NUL nor lone surrogates, so that both are written as escapes
 * here, and different ids stay different. It is longer than the id by little, since an index takes no long text.
 */
export function toStoredText(text: string): string {
  return text.replace(/[\\\0]|\p{Surrogate}/gu, (character) =>
    character === '\\' ? '\\\\' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The id behind a stored text. */
export function fromStoredText(stored: string): string {
  return stored.replace(/\\(?:\\|u([0-9a-f]{4}))/g, (_, code: string | undefined) =>
    code === undefined ? '\\' : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
