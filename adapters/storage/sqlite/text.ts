/**
 * An id as it is stored: what JSON writes between the quotes. Some drivers cut a text at NUL, and a lone surrogate
 * is no UTF-8; both are escapes here, and different ids stay different.
 */
export function toStoredText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The id behind a stored text. */
export function fromStoredText(stored: string): string {
  return JSON.parse(`"${stored}"`) as string;
}
