import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeBase64, encodeUrlSafeBase64 } from '../../src/pdu/base64.ts';
import { keysThatSigned } from '../../src/pdu/signatures.ts';
import { isPublicKey } from '../../src/rooms/public-key.ts';
import { keyPairOf } from '../pdu/support.ts';

const P = 2n ** 255n - 19n;

function modulo(value: bigint): bigint {
  return ((value % P) + P) % P;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = modulo(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = modulo(result * square);
    square = modulo(square * square);
  }
  return result;
}

const inverse = (value: bigint) => power(value, P - 2n);

// https://www.rfc-editor.org/rfc/rfc8032#section-5.1
const D = modulo(-121665n * inverse(121666n));
type Point = readonly [x: bigint, y: bigint];

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = modulo(D * x1 * x2 * y1 * y2);
  return [
    modulo((x1 * y2 + x2 * y1) * inverse(1n + product)),
    modulo((y1 * y2 + x1 * x2) * inverse(1n - product)),
  ];
}

function times(scalar: bigint, point: Point): Point {
  let result: Point = [0n, 1n];
  for (const bit of scalar.toString(2)) {
    result = add(result, result);
    if (bit === '1') result = add(result, point);
  }
  return result;
}

/** Returns a point of the curve with this y, if there is one (RFC 8032, section 5.1.3). */
function pointAt(y: bigint): Point | undefined {
  const square = modulo((y * y - 1n) * inverse(D * y * y + 1n));
  const candidate = power(square, (P + 3n) / 8n);
  const root = modulo(candidate * candidate) === square ? candidate : candidate * power(2n, (P - 1n) / 4n);
  return modulo(root * root) === square ? [modulo(root), y] : undefined;
}

/** Returns every way to write the y of each of the eight points of small order, with both signs. */
function smallOrderKeys(): Buffer[] {
  const subgroupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;
  for (let y = 2n; ; y += 1n) {
    const point = pointAt(y);
    const torsion = point && times(subgroupOrder, point);
    if (torsion === undefined || times(4n, torsion)[1] === 1n) continue;
    const ys = new Set(Array.from({ length: 8 }, (_, index) => times(BigInt(index), torsion)[1]));
    return [...ys]
      .flatMap((each) => [each, each + P])
      .filter((each) => each < 2n ** 255n)
      .flatMap((each) => [each, each + 2n ** 255n])
      .map((each) => Buffer.from(each.toString(16).padStart(64, '0'), 'hex').reverse());
  }
}

describe('an Ed25519 public key', () => {
  it('is 32 bytes in unpadded base64, in either alphabet', () => {
    const key = keyPairOf(randomBytes(32)).publicKey;
    expect([encodeBase64(key), encodeUrlSafeBase64(key)].map(isPublicKey)).toEqual([true, true]);
    const wrong = [
      `${encodeBase64(key)}=`,
      encodeBase64(key.subarray(1)),
      encodeBase64(Buffer.concat([key, Buffer.alloc(1)])),
      `${encodeBase64(key).slice(0, 42)}B`,
      ` ${encodeBase64(key)}`,
      `_+${encodeBase64(key).slice(2)}`,
      '',
      undefined,
      7,
      [encodeBase64(key)],
    ];
    expect(wrong.map(isPublicKey)).toEqual(wrong.map(() => false));
  });

  it('of small order, for which anybody can sign, is none', () => {
    const keys = smallOrderKeys();
    expect(keys).toHaveLength(14);
    expect(keys.map((key) => isPublicKey(encodeBase64(key)))).toEqual(keys.map(() => false));
  });

  it('of small order has signed nothing, although Node says so', () => {
    // The neutral element as key and as R, and 0 as S.
    const neutral = Buffer.from('01'.padEnd(64, '0'), 'hex');
    const forged = Buffer.concat([neutral, Buffer.alloc(32)]);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: encodeUrlSafeBase64(neutral) };
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    expect(verify(null, Buffer.from('anything'), publicKey, forged)).toBe(true);
    const signed = { a: 1, signatures: { domain: { 'ed25519:1': encodeBase64(forged) } } };
    expect(keysThatSigned(signed, [encodeBase64(neutral)])).toEqual([]);
  });
});
