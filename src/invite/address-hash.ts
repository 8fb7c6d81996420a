import { createHmac } from 'node:crypto';
import type { OptionCheck } from '../internal/options.ts';
import type { Medium } from '../rooms/address.ts';

const MIN_SECRET_BYTES = 32;

/** The check of the secret that {@link addressHash} uses. */
export const secretOption: OptionCheck = {
  expects: `a string or a Uint8Array of at least ${MIN_SECRET_BYTES} bytes`,
  required: true,
  accepts: (value) =>
    (typeof value === 'string' || value instanceof Uint8Array) &&
    Buffer.byteLength(value) >= MIN_SECRET_BYTES,
};

/**
 * Returns what is stored and counted in place of an address, so that neither is a list of addresses: its HMAC-SHA-256 in
 * hexadecimal.
 *
 * @param address as `normalizeAddress` returns it
 */
export function addressHash(secret: string | Uint8Array, medium: Medium, address: string): string {
  return createHmac('sha256', secret).update(`${medium} ${address}`).digest('hex');
}
