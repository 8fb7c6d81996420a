import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBase64, encodeUrlSafeBase64 } from '../../src/pdu/base64.ts';
import { keysThatSigned } from '../../src/pdu/signatures.ts';
import { fieldOf, isSameJson } from '../../src/rooms/content.ts';
import type { JsonObject, JsonValue } from '../../src/rooms/event.ts';
import { isSignedBy, signJson } from '../support/signed-json.ts';
import { canonicalObject, canonicalValue, keyPairOf } from './support.ts';

const KEY_ID = 'ed25519:1';
// https://spec.matrix.org/v1.18/appendices/#cryptographic-test-vectors
const { privateKey, publicKey: bytes } = keyPairOf(
  Buffer.from('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 'base64'),
);
const publicKey = encodeBase64(bytes);
const stranger = encodeBase64(keyPairOf(randomBytes(32)).publicKey);

const sign = (object: JsonObject, entity = 'domain') => signJson(object, entity, KEY_ID, privateKey);
const isSigned = (object: JsonObject, key = publicKey) => isSignedBy(object, 'domain', KEY_ID, key);
const signatureOf = (object: JsonObject) => sign(object).signatures as { domain: { [KEY_ID]: string } };

describe('a signature', () => {
  it.each<[JsonObject, string]>([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [
      { one: 1, two: 'Two' },
      'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw',
    ],
  ])('of %j is the one of the specification', (object, signature) => {
    const signed = { ...object, signatures: { domain: { [KEY_ID]: signature } } };

    expect(sign(object)).toEqual(signed);
    expect(isSigned(signed)).toBe(true);
    expect(keysThatSigned(signed, [publicKey])).toEqual([publicKey]);
  });

  it('is added to others', () => {
    const once = sign({ a: 1, unsigned: { age: 1 } });
    const twice = signJson(sign(once, 'other'), 'domain', 'ed25519:2', privateKey);

    expect(once).toMatchObject({ a: 1, unsigned: { age: 1 } });
    expect(twice).toMatchObject({
      a: 1,
      unsigned: { age: 1 },
      signatures: {
        domain: { [KEY_ID]: expect.any(String), 'ed25519:2': expect.any(String) },
        other: { [KEY_ID]: expect.any(String) },
      },
    });
    expect(isSigned(twice)).toBe(true);
    expect(isSignedBy(twice, 'domain', 'ed25519:2', publicKey)).toBe(true);
    expect(isSignedBy(twice, 'other', KEY_ID, publicKey)).toBe(true);
  });

  it('replaces what is no list of signatures, and leaves the object as it is', () => {
    const object = { a: 1, signatures: { domain: 'x' } };

    expect(isSigned(sign(object))).toBe(true);
    expect(isSigned(sign({ a: 1, signatures: [] }))).toBe(true);
    expect(object).toEqual({ a: 1, signatures: { domain: 'x' } });
  });

  it('is of one entity, one key ID and one key', () => {
    const signed = sign({ a: 1 });

    expect(isSignedBy(signed, 'other', KEY_ID, publicKey)).toBe(false);
    expect(isSignedBy(signed, 'domain', 'ed25519:2', publicKey)).toBe(false);
    expect(isSignedBy(signed, 'domain', KEY_ID, stranger)).toBe(false);
  });

  it('can be of an entity named like a property of every object', () => {
    for (const entity of ['__proto__', 'constructor']) {
      expect(isSignedBy({}, entity, KEY_ID, publicKey)).toBe(false);
      expect(isSignedBy(sign({ a: 1 }, entity), entity, KEY_ID, publicKey)).toBe(true);
      expect(keysThatSigned(sign({ a: 1 }, entity), [publicKey])).toEqual([publicKey]);
    }
  });

  it('of an object without canonical JSON does not exist', () => {
    expect(() => sign({ a: 0.5 })).toThrow(TypeError);
    for (const value of [0.5, '\uD800', -0]) {
      const object = { ...sign({}), a: value };

      expect(isSigned(object)).toBe(false);
      expect(keysThatSigned(object, [publicKey])).toEqual([]);
    }
  });
});

describe('the signature of any object', () => {
  it('is verified, also after the object was sent as JSON', () => {
    fc.assert(
      fc.property(canonicalObject, (object) => {
        const signed = sign(object);
        expect(isSigned(signed)).toBe(true);
        expect(isSigned(JSON.parse(JSON.stringify(signed)))).toBe(true);
        expect(keysThatSigned(signed, [stranger, publicKey])).toEqual([publicKey]);
      }),
      { numRuns: 200 },
    );
  });

  it('does not cover `unsigned` and other signatures', () => {
    fc.assert(
      fc.property(canonicalObject, canonicalValue, canonicalObject, (object, unsigned, others) => {
        const { signatures, ...rest } = sign(object);
        expect(
          isSigned({ ...rest, unsigned, signatures: { ...others, ...(signatures as JsonObject) } }),
        ).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('covers everything else', () => {
    fc.assert(
      fc.property(canonicalObject, fc.string(), canonicalValue, (object, key, value) => {
        const { signatures = null, unsigned: _unsigned, ...rest } = sign(object);
        fc.pre(key !== 'signatures' && key !== 'unsigned' && !isSameJson(fieldOf(rest, key), value));

        expect(isSigned({ ...rest, signatures, [key]: value })).toBe(false);
        for (const name of Object.keys(rest)) {
          const { [name]: _removed, ...others } = rest;
          expect(isSigned({ ...others, signatures })).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is broken by any other bit', () => {
    const signature = Buffer.from(signatureOf({ a: 1 }).domain[KEY_ID], 'base64');
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      const changed = Buffer.from(signature);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));

      expect(isSigned({ a: 1, signatures: { domain: { [KEY_ID]: encodeBase64(changed) } } })).toBe(false);
    }
  });
});

describe('keys and signatures from outside', () => {
  const signed = sign({ a: 1 });
  const { domain } = signatureOf({ a: 1 });
  const good = domain[KEY_ID];

  it('are read in both alphabets', () => {
    const signature = Buffer.from(good, 'base64');
    for (const text of [encodeBase64(signature), encodeUrlSafeBase64(signature)]) {
      const object = { a: 1, signatures: { domain: { [KEY_ID]: text } } };
      for (const key of [publicKey, encodeUrlSafeBase64(bytes)]) {
        expect(isSigned(object, key)).toBe(true);
        expect(keysThatSigned(object, [key])).toEqual([key]);
      }
    }
  });

  it.each([
    ['nothing', ''],
    ['a byte too few', encodeBase64(bytes.subarray(1))],
    ['a byte too many', encodeBase64(Buffer.concat([bytes, Buffer.from([0])]))],
    ['another alphabet', publicKey.replace(/./, '*')],
    [
      'the key as PEM',
      generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    ],
    ['zeros', encodeBase64(Buffer.alloc(32))],
    ['no point of the curve', encodeBase64(Buffer.alloc(32, 255))],
  ])('that are malformed have signed nothing: a key of %s', (_case, key) => {
    expect(isSigned(signed, key)).toBe(false);
    expect(keysThatSigned(signed, [key])).toEqual([]);
    expect(keysThatSigned(signed, [key, publicKey])).toEqual([publicKey]);
  });

  it.each<[string, JsonValue]>([
    ['none', {}],
    ['a list', []],
    ['null', null],
    ['a string', 'x'],
    ['an entity of null', { domain: null }],
    ['an entity of a string', { domain: good }],
    ['an entity of a list', { domain: [good] }],
    ['a number', { domain: { [KEY_ID]: 1 } }],
    ['a list of one signature', { domain: { [KEY_ID]: [good] } }],
    ['an empty text', { domain: { [KEY_ID]: '' } }],
    ['a byte too few', { domain: { [KEY_ID]: encodeBase64(Buffer.from(good, 'base64').subarray(1)) } }],
    [
      'a byte too many',
      { domain: { [KEY_ID]: encodeBase64(Buffer.concat([Buffer.from(good, 'base64'), bytes])) } },
    ],
    ['rubbish', { domain: { [KEY_ID]: `${good}*` } }],
    ['another algorithm', { domain: { 'rsa:1': good } }],
  ])('that are malformed are no signatures: %s', (_case, signatures) => {
    expect(isSigned({ a: 1, signatures })).toBe(false);
    expect(keysThatSigned({ a: 1, signatures }, [publicKey])).toEqual([]);
  });

  it('that are any JSON never lead to an error', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 4 }),
        fc.string(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (text, key, raw) => {
          const object = { a: 1, signatures: JSON.parse(text) as JsonValue };
          for (const each of [key, encodeBase64(raw)]) {
            expect(isSigned(object, each)).toBe(false);
            expect(keysThatSigned(object, [each, publicKey])).toEqual([]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the keys that signed', () => {
  const other = keyPairOf(randomBytes(32));
  const otherKey = encodeBase64(other.publicKey);

  it('are found under any entity and any ID of an Ed25519 key', () => {
    const signed = signJson({ a: 1 }, 'id.example.org', 'ed25519:0', privateKey);

    expect(keysThatSigned(signed, [stranger, publicKey])).toEqual([publicKey]);
    expect(keysThatSigned(signed, [stranger])).toEqual([]);
    expect(keysThatSigned(signed, [])).toEqual([]);
  });

  it('are found beside bad signatures and bad keys', () => {
    const signed = sign({ a: 1 });
    const [good] = Object.values(signatureOf({ a: 1 }).domain);
    const wrong = signatureOf({ a: 2 }).domain[KEY_ID];
    const signatures: JsonObject = {
      first: { 'ed25519:0': wrong, 'rsa:1': 'x', 'ed25519:1': null },
      second: null,
      third: { 'ed25519:a': '*', 'ed25519:b': good ?? null },
      fourth: { 'ed25519:1': wrong },
    };

    expect(keysThatSigned({ ...signed, signatures }, ['', '*', stranger, publicKey, otherKey])).toEqual([
      publicKey,
    ]);
  });

  it('are returned letter by letter, each once', () => {
    const both = signJson(sign({ a: 1 }), 'other', KEY_ID, other.privateKey);
    const urlSafe = encodeUrlSafeBase64(bytes);

    expect(keysThatSigned(both, [otherKey, stranger, publicKey, otherKey, urlSafe])).toEqual([
      ...new Set([otherKey, publicKey, urlSafe]),
    ]);
  });

  it('are none if there are more than 20 pairs of a signature and a key', () => {
    const signed = sign({ a: 1 });
    const keys = Array.from({ length: 19 }, () => encodeBase64(randomBytes(32)));

    expect(keysThatSigned(signed, [...keys, publicKey, publicKey])).toEqual([publicKey]);
    expect(keysThatSigned(signed, [...keys, stranger, publicKey])).toEqual([]);
    expect(keysThatSigned(sign(signed, 'other'), [...keys.slice(10), publicKey])).toEqual([publicKey]);
    expect(keysThatSigned(sign(signed, 'other'), [...keys.slice(9), publicKey])).toEqual([]);
  });
});
