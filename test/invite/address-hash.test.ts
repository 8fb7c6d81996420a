import { describe, expect, it } from 'vitest';
import { addressHash, secretOption } from '../../src/invite/address-hash.ts';

const secret = 'x'.repeat(32);

describe('the hash of an address', () => {
  it('is the HMAC-SHA-256 of medium and address', () => {
    // printf 'email bob@example.org' | openssl dgst -sha256 -hmac xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    expect(addressHash(secret, 'email', 'bob@example.org')).toBe(
      '20169f7b4ab123916f2f8f00080daeba4f3ab97c8ba5be475dc9e84f64e20757',
    );
    expect(addressHash(Buffer.from(secret), 'email', 'bob@example.org')).toBe(
      addressHash(secret, 'email', 'bob@example.org'),
    );
  });

  it('differs by secret, medium and address', () => {
    const hashes = [
      addressHash(secret, 'email', '12345'),
      addressHash(secret, 'msisdn', '12345'),
      addressHash(secret, 'msisdn', '123456'),
      addressHash(`${secret}x`, 'msisdn', '12345'),
    ];

    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('its secret', () => {
  it.each([secret, 'é'.repeat(16), Buffer.alloc(32), new Uint8Array(40)])('can be %j', (value) => {
    expect(secretOption.accepts(value)).toBe(true);
  });

  it.each([
    undefined,
    null,
    32,
    '',
    'x'.repeat(31),
    'é'.repeat(15),
    Buffer.alloc(31),
    new Uint16Array(40),
    [secret],
  ])('cannot be %j', (value) => {
    expect(secretOption.accepts(value)).toBe(false);
  });
});
