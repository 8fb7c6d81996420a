import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64, encodeUrlSafeBase64 } from '../../src/pdu/base64.ts';

const bytes = fc.uint8Array({ maxLength: 70 });
const textOf = (text: string) => decodeBase64(text)?.toString('latin1');

describe('base64', () => {
  // https://spec.matrix.org/v1.18/appendices/#unpadded-base64
  it.each([
    ['', ''],
    ['f', 'Zg'],
    ['fo', 'Zm8'],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg'],
    ['fooba', 'Zm9vYmE'],
    ['foobar', 'Zm9vYmFy'],
  ])('reads and writes the example %j of the specification', (text, base64) => {
    expect(encodeBase64(Buffer.from(text))).toBe(base64);
    expect(encodeUrlSafeBase64(Buffer.from(text))).toBe(base64);
    expect(textOf(base64)).toBe(text);
  });

  it('has two alphabets', () => {
    expect(encodeBase64(Buffer.from([0xfb, 0xef, 0xff, 0xff]))).toBe('++///w');
    expect(encodeUrlSafeBase64(Buffer.from([0xfb, 0xef, 0xff, 0xff]))).toBe('--___w');
  });

  it('is read in both alphabets, without and with padding', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const unpadded = [encodeBase64(value), encodeUrlSafeBase64(value)];
        const padded = unpadded.map((text) => text.padEnd(Math.ceil(text.length / 4) * 4, '='));
        for (const text of [...unpadded, ...padded]) expect(decodeBase64(text)).toEqual(Buffer.from(value));
      }),
    );
  });

  it('writes part of a buffer', () => {
    expect(encodeBase64(new Uint8Array(Buffer.from('foobar')).subarray(3))).toBe('YmFy');
  });

  it.each([
    ['a last group of one character', 'Zm9vY'],
    ['one character', 'Z'],
    ['bits after the last byte', 'Zh'],
    ['too little padding', 'Zg='],
    ['too much padding', 'Zg==='],
    ['padding alone', '=='],
    ['padding of a whole group', 'Zm9v===='],
    ['padding inside', 'Zg==Zg=='],
    ['a space', 'Zm 9v'],
    ['a line break', 'Zm9v\n'],
    ['both alphabets', '+-//'],
    ['both alphabets, padded', '+___+w=='],
    ['a character of no alphabet', 'Zm9v.Zm9v'],
    ['letters beyond ASCII', 'Zм9v'],
    ['a NUL', 'Zm9v\0'],
  ])('does not read %s', (_case, text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  it('has, in each alphabet, only one text of the same bytes', () => {
    const almost = fc.string({ unit: fc.constantFrom(...'AQgwZz09+/-_= '), maxLength: 9 });
    fc.assert(
      fc.property(almost, (text) => {
        const read = decodeBase64(text);
        if (read === undefined) return;
        expect([encodeBase64(read), encodeUrlSafeBase64(read)]).toContain(text.replace(/=+$/, ''));
        expect(text.endsWith('=') ? text.length % 4 : 0).toBe(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
