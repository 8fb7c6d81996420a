/**
 * Returns true for the ID of an Ed25519 key, such as `ed25519:1`.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#signing-details
 */
export function isKeyId(value: unknown): value is `ed25519:${string}` {
  return typeof value === 'string' && /^ed25519:[a-zA-Z0-9_]+$/.test(value);
}
