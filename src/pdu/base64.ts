/**
 * Returns the bytes of a string in unpadded base64, in the standard or the URL-safe alphabet, or `undefined` for any other
 * string. Correct padding is accepted too.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#unpadded-base64
 */
export function decodeBase64(text: string): Buffer | undefined {
  // Node skips what is not base64, so a text counts only if its bytes are written like that.
  const bytes = Buffer.from(text, 'base64');
  const padded = bytes.toString('base64');
  const forms = [encodeBase64(bytes), padded];
  return forms.some((form) => form === text || urlSafe(form) === text) ? bytes : undefined;
}

/** Returns bytes as unpadded base64 in the standard alphabet. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64').replace(/=+$/, '');
}

/** Returns bytes as unpadded base64 in the URL-safe alphabet. */
export function encodeUrlSafeBase64(bytes: Uint8Array): string {
  return urlSafe(encodeBase64(bytes));
}

function urlSafe(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_');
}
