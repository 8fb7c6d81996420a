import { createPublicKey, type KeyObject } from 'node:crypto';
import { decodeBase64, encodeUrlSafeBase64 } from './base64.ts';

const KEY_BYTES = 32;

/**
 * The keys for which anybody can make signatures, because they are points of small order, without the bit of the sign:
 * all encodings that libsodium refuses.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7748#section-7
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Returns true for an Ed25519 public key in unpadded base64, in either alphabet, that only its owner can sign for. */
export function isPublicKey(value: unknown): value is string {
  return typeof value === 'string' && !value.endsWith('=') && publicKeyBytes(value) !== undefined;
}

/** Reads an Ed25519 public key in base64. Returns undefined for any other text, and if anybody can sign for the key. */
export function readPublicKey(text: string): KeyObject | undefined {
  const bytes = publicKeyBytes(text);
  if (bytes === undefined) return undefined;
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: encodeUrlSafeBase64(bytes) },
    format: 'jwk',
  });
}

function publicKeyBytes(text: string): Buffer | undefined {
  const bytes = decodeBase64(text);
  return bytes?.length === KEY_BYTES && !isSmallOrder(bytes) ? bytes : undefined;
}

function isSmallOrder(bytes: Uint8Array): boolean {
  const unsigned = Buffer.from(bytes);
  unsigned.writeUInt8(unsigned.readUInt8(KEY_BYTES - 1) & 0x7f, KEY_BYTES - 1);
  return SMALL_ORDER.has(unsigned.toString('hex'));
}
