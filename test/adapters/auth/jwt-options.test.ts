import { createSecretKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type JwtOptions, jwt } from '../../../adapters/auth/jwt/index.ts';
import { ask, IS_ALICE, jwkOf, options, pemOf, secret, signerOf, tokenOf } from './jwt-support.ts';

const rsa = signerOf('RS256');
const ec = signerOf('ES256');
const ed = signerOf('EdDSA');
const good = { ...options, algorithms: ['EdDSA'], keys: ed.check };
const remote = (more: object) => ({ ...good, keys: { jwksUri: 'https://login.example.org/jwks', ...more } });

const create = (given: object) => jwt(given as JwtOptions);
const errorOf = (given: object): unknown => {
  try {
    create(given);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('options', () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ isuer: 'x' }, 'unknown option "isuer"; allowed: issuer, audience, algorithms, keys, userId, typ'],
    [{ issuer: undefined }, 'option "issuer" is required'],
    [{ issuer: '' }, 'option "issuer" must be a non-empty string, or a list of them'],
    [{ issuer: [] }, 'option "issuer" must be a non-empty string'],
    [{ audience: undefined }, 'option "audience" is required'],
    [{ audience: ['x', ''] }, 'option "audience" must be a non-empty string'],
    [{ algorithms: undefined }, 'option "algorithms" is required'],
    [{ algorithms: [] }, 'option "algorithms" must be a list of at least one of RS256'],
    [{ algorithms: 'EdDSA' }, 'option "algorithms" must be'],
    [{ algorithms: ['EdDSA', 'none'] }, 'option "algorithms" must be'],
    [{ algorithms: ['None'] }, 'option "algorithms" must be'],
    [{ algorithms: ['toString'] }, 'option "algorithms" must be'],
    [{ keys: undefined }, 'option "keys" is required'],
    [{ keys: 'secret' }, 'option "keys" must be { jwksUri }'],
    [{ userId: undefined }, 'option "userId" is required'],
    [{ userId: '@alice:example.org' }, 'option "userId" must be a function'],
    [{ requester: {} }, 'option "requester" must be a function'],
    [{ typ: '' }, 'option "typ" must be a non-empty string'],
    [
      { clockToleranceSeconds: -1 },
      'option "clockToleranceSeconds" must be a number of seconds from 0 to 600',
    ],
    [{ clockToleranceSeconds: Number.NaN }, 'option "clockToleranceSeconds" must be'],
    [{ clockToleranceSeconds: 30_000 }, 'option "clockToleranceSeconds" must be'],
    [{ requireExpiry: 'no' }, 'option "requireExpiry" must be a boolean'],
  ];
  it.each(wrong)('%j', (more, message) => {
    const error = errorOf({ ...good, ...more });
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(`jwt: ${message}`);
  });

  it.each([undefined, null, 'x'])('must not be %j', (given) => {
    expect(() => jwt(given as unknown as JwtOptions)).toThrow(TypeError);
  });
});

describe('a JWKS to fetch', () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ jwksUri: undefined }, 'option "jwksUri" is required'],
    [{ jwksUri: '/jwks' }, 'option "jwksUri" must be a URL'],
    [{ jwksUri: 'http://login.example.org/jwks' }, 'option "jwksUri" must be an https: URL'],
    [{ jwksUri: 'file:///jwks', allowInsecureHttp: true }, 'option "jwksUri" must be an https: URL'],
    [{ jwksUri: 'https://user:hidden@login.example.org/' }, 'option "jwksUri" must not contain a user name'],
    [{ timeoutMs: 0 }, 'option "timeoutMs" must be'],
    [{ cooldownMs: 1.5 }, 'option "cooldownMs" must be'],
    [{ cacheMaxAgeMs: Infinity }, 'option "cacheMaxAgeMs" must be'],
    [{ maxStaleMs: -1 }, 'option "maxStaleMs" must be'],
    [{ allowInsecureHttp: 1 }, 'option "allowInsecureHttp" must be'],
    [{ logger: console.warn }, 'option "logger" must be'],
    [{ timeout: 5 }, 'unknown option "timeout"; allowed: jwksUri, timeoutMs'],
  ];
  it.each(wrong)('%j', (more, message) => {
    const error = errorOf(remote(more));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(`jwt: keys: ${message}`);
    expect(String(error)).not.toContain('hidden');
  });

  it('may be a string or a URL, and http: only if the host app allows it', () => {
    create(remote({}));
    create(remote({ jwksUri: new URL('https://login.example.org/jwks') }));
    create(remote({ jwksUri: 'http://127.0.0.1/jwks', allowInsecureHttp: true }));
  });

  it('cannot be used with HS algorithms', () => {
    const error = errorOf({ ...remote({}), algorithms: ['HS256'] });
    expect(error).toEqual(new TypeError('jwt: option "keys" must be a secret key for HS algorithms'));
  });
});

describe('keys that do not fit', () => {
  const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;
  const pem = Buffer.from(pemOf(rsa.check));
  const oct = { kty: 'oct', k: secret.toString('base64url') };
  const wrong: readonly (readonly [string, readonly string[], object])[] = [
    ['HS256 and RS256 together', ['HS256', 'RS256'], rsa.check],
    ['HS256 and RS256 together, with a secret', ['RS256', 'HS256'], secret],
    ['a PEM string as a secret', ['HS256'], pem],
    ['a public key as a secret', ['HS256'], rsa.check],
    ['a secret of 31 bytes', ['HS256'], randomBytes(31)],
    ['a secret of 63 bytes', ['HS512'], createSecretKey(randomBytes(63))],
    ['an empty secret', ['HS256'], new Uint8Array()],
    ['a secret for RS256', ['RS256'], secret],
    ['a private key', ['EdDSA'], ed.sign],
    ['an EC key for RS256', ['RS256'], ec.check],
    ['an RSA key for RS256 and ES256', ['RS256', 'ES256'], rsa.check],
    ['a key on another curve', ['ES256'], p384],
    ['a short RSA key', ['RS256'], shortRsa],
    ['no keys', ['EdDSA'], { keys: [] }],
    ['a single JWK', ['EdDSA'], jwkOf(ed)],
    ['a list of JWKs', ['EdDSA'], [jwkOf(ed)]],
    ['a JWKS of strings', ['EdDSA'], { keys: ['x'] }],
    ['a JWKS with a private key', ['EdDSA'], { keys: [jwkOf(ed), ed.sign.export({ format: 'jwk' })] }],
    ['a JWKS with a secret', ['HS256'], { keys: [oct] }],
    ['a JWKS with a public key and a secret', ['EdDSA'], { keys: [jwkOf(ed), oct] }],
  ];
  it.each(wrong)('%s', (_what, algorithms, keys) => {
    const error = errorOf({ ...good, algorithms, keys });
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toMatch(/^TypeError: jwt: option "(keys|algorithms)" must/);
  });

  it('may be keys of the Web Crypto API', async () => {
    const { subtle } = webcrypto;
    const both = ['sign', 'verify'] as const;
    const hmac256 = { name: 'HMAC', hash: 'SHA-256', length: 256 };
    const pair = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, both);
    const hmac = await subtle.generateKey(hmac256, false, both);
    create({ ...good, algorithms: ['ES256'], keys: pair.publicKey });
    create({ ...good, algorithms: ['HS256'], keys: hmac });
    const wrong: [string, object][] = [
      ['ES256', pair.privateKey],
      ['ES384', pair.publicKey],
      ['RS256', pair.publicKey],
      ['HS256', pair.publicKey],
      ['HS512', hmac],
      ['HS256', await subtle.generateKey(hmac256, false, ['sign'])],
      ['HS256', await subtle.generateKey({ ...hmac256, length: 128 }, false, both)],
    ];
    for (const [algorithm, keys] of wrong) {
      expect(errorOf({ ...good, algorithms: [algorithm], keys })).toBeInstanceOf(TypeError);
    }
  });
});

describe('keys that fit', () => {
  it('may be keys of the Web Crypto API', async () => {
    const spki = ed.check.export({ type: 'spki', format: 'der' });
    const keys = await webcrypto.subtle.importKey('spki', spki, 'Ed25519', true, ['verify']);
    expect(await ask(create({ ...good, keys }), await tokenOf(ed))).toEqual(IS_ALICE);
  });

  it('may be secrets as bytes or as a KeyObject, which are copied', async () => {
    const bytes = new Uint8Array(secret);
    const token = await tokenOf({ alg: 'HS256', sign: secret });
    const hs = { ...good, algorithms: ['HS256'] };
    const auth = create({ ...hs, keys: bytes });
    bytes.fill(0);
    expect(await ask(auth, token)).toEqual(IS_ALICE);
    expect(await ask(create({ ...hs, keys: createSecretKey(secret) }), token)).toEqual(IS_ALICE);
    expect(inspect(auth, { showHidden: true, depth: Infinity })).not.toMatch(/keys|Key|Buffer/);
  });

  it('are checked against every algorithm', async () => {
    const auth = create({ ...good, algorithms: ['RS256', 'PS512'], keys: rsa.check });
    for (const alg of ['RS256', 'PS512']) {
      expect(await ask(auth, await tokenOf({ ...rsa, alg }))).toEqual(IS_ALICE);
    }
  });
});
