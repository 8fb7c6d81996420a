/** Only characters that JSON writes as they are, as in nearly every id; pairs of surrogates are left to JSON. */
const AS_IT_IS = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * An id as it is stored: what JSON writes between the quotes. Some drivers cut a text at NUL, and a lone surrogate
 * is no UTF-8; both are escapes here, and different ids stay different.
 */
export function toStoredText(text: string): string {
  return AS_IT_IS.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

/** The id behind a stored text. */
export function fromStoredText(stored: string): string {
  return stored.includes('\\') ? (JSON.parse(`"${stored}"`) as string) : stored;
}
