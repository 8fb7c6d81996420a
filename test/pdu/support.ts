import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../src/rooms/event.ts';

/** Strings of characters on which orders and escapes differ: controls, quotes, and both ends of the surrogates. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ...'\0\b\t\n\v\f\r\u001F "\\/ab\u007F',
      ...['é', '\u2028', '\uD7FF', '\uE000', '\uFF61', '\u{10000}', '\u{1F600}', '\u{10FFFF}'],
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 5,
});

/** None starts with a backslash: `JSON.parse` of Node 24.0 to 24.18 would misread later keys. See `findings`. */
const key = fc.oneof(
  { weight: 5, arbitrary: text.map((each) => each.replace(/^\\+/, '')) },
  fc.constantFrom('__proto__', 'constructor', 'toJSON', '0', '10', '9', 'signatures', 'unsigned'),
);

const { value, object } = fc.letrec<{ value: JsonValue; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, false, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    fc.maxSafeInteger().map((number) => number + 0),
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(key, tie('value')), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries)),
}));

/** Any value that has canonical JSON. */
export const canonicalValue: fc.Arbitrary<JsonValue> = value;

/** Any object that has canonical JSON. */
export const canonicalObject: fc.Arbitrary<JsonObject> = object;

const PKCS8_OF_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

export type KeyPair = { readonly privateKey: KeyObject; readonly publicKey: Buffer };

/** Returns the Ed25519 key pair of a seed of 32 bytes, with the public key as raw bytes. */
export function keyPairOf(seed: Uint8Array): KeyPair {
  const der = Buffer.concat([PKCS8_OF_ED25519, seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { privateKey, publicKey };
}
