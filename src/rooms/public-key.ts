/** 32 bytes in unpadded base64, in one of its two alphabets. */
const PUBLIC_KEY = /^(?:[A-Za-z0-9+/]{42}|[A-Za-z0-9_-]{42})[AEIMQUYcgkosw048]$/;

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
  return typeof value === 'string' && PUBLIC_KEY.test(value) && !isSmallOrder(Buffer.from(value, 'base64'));
}

/** Returns true for a public key for which anybody can sign. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const unsigned = Buffer.from(publicKey);
  const last = unsigned.length - 1;
  unsigned.writeUInt8(unsigned.readUInt8(last) & 0x7f, last);
  return SMALL_ORDER.has(unsigned.toString('hex'));
}
