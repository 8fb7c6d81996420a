import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { jwt } from '../../../adapters/auth/jwt/index.ts';
import {
  ask,
  encode,
  goodClaims,
  IS_ALICE,
  jwkOf,
  jwtFor,
  options,
  pemOf,
  remoteJwt,
  secret,
  signerOf,
  startJwks,
  tokenOf,
  UNKNOWN,
} from './jwt-support.ts';

const rsa = signerOf('RS256', 'rsa');
const ec = signerOf('ES256', 'ec');
const ed = signerOf('EdDSA', 'ed');
const mallory = signerOf('RS256', 'rsa');

const auth = jwtFor(rsa, { algorithms: ['RS256'], keys: { keys: [jwkOf(rsa)] } });
const payload = encode(goodClaims());
const good = await tokenOf(rsa);
const [head = '', body = '', signature = ''] = good.split('.');

/** Returns a token with an HMAC that uses these bytes as its key. */
function hmacToken(key: string | Uint8Array, header: object = { alg: 'HS256' }): string {
  const input = `${encode(header)}.${payload}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

it('the token that the attacks start from is valid', async () => {
  expect(await ask(auth, good)).toEqual(IS_ALICE);
});

it.each([7, true, null, ['admin'], { id: 'admin' }])(
  'a sub of %j is unknown, even with a valid signature',
  async (sub) => {
    expect(await ask(auth, await tokenOf(rsa, { sub: sub as never }))).toEqual(UNKNOWN);
    expect(await ask(auth, await tokenOf(rsa, { jti: sub as never }))).toEqual(UNKNOWN);
  },
);

describe('without a signature', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', 'none ', '', null, undefined, ['none'], 0])(
    'alg %j',
    async (alg) => {
      const header = encode({ alg, kid: 'rsa', typ: 'JWT' });
      for (const end of ['', signature, 'AA']) {
        expect(await ask(auth, `${header}.${payload}.${end}`)).toEqual(UNKNOWN);
        expect(await ask(auth, `${header}.${payload}${end}`)).toEqual(UNKNOWN);
      }
    },
  );

  it('with the algorithm of a valid token', async () => {
    for (const end of ['', 'AA', 'A'.repeat(342)]) {
      expect(await ask(auth, `${head}.${body}.${end}`)).toEqual(UNKNOWN);
    }
  });
});

describe('key confusion', () => {
  const pem = pemOf(rsa.check);
  const publicBytes: readonly (readonly [string, string | Uint8Array])[] = [
    ['PEM', pem],
    ['PEM without its trailing line feed', pem.trimEnd()],
    ['DER', rsa.check.export({ type: 'spki', format: 'der' })],
    ['JWK', JSON.stringify(jwkOf(rsa))],
    ['modulus', Buffer.from(jwkOf(rsa).n ?? '', 'base64url')],
    ['an empty key', ''],
  ];

  it.each(publicBytes)('an HMAC with the public key as its secret: %s', async (_what, key) => {
    for (const header of [{ alg: 'HS256' }, { alg: 'HS256', kid: 'rsa' }, { alg: 'RS256', kid: 'rsa' }]) {
      for (const adapter of [auth, jwtFor(rsa)]) {
        expect(await ask(adapter, hmacToken(key, header))).toEqual(UNKNOWN);
      }
    }
  });

  it('another algorithm with the same key, unless it is allowed', async () => {
    for (const alg of ['RS512', 'PS256']) {
      const token = await tokenOf({ ...rsa, alg });
      const jwks = { keys: [jwkOf(rsa, { alg: undefined })] };
      expect(await ask(jwtFor(rsa, { keys: jwks }), token)).toEqual(UNKNOWN);
      expect(await ask(jwtFor(rsa, { keys: jwks, algorithms: [alg as 'PS256'] }), token)).toEqual(IS_ALICE);
    }
  });

  it('a valid token that claims another allowed algorithm', async () => {
    const any = jwt({
      ...options,
      algorithms: ['RS256', 'ES256', 'EdDSA'],
      keys: { keys: [jwkOf(rsa), jwkOf(ec)] },
    });
    for (const alg of ['ES256', 'EdDSA']) {
      for (const kid of ['rsa', 'ec', undefined]) {
        expect(await ask(any, `${encode({ alg, kid })}.${body}.${signature}`)).toEqual(UNKNOWN);
      }
    }
  });

  it('another secret, or another HMAC with the same one', async () => {
    const shared = jwt({ ...options, algorithms: ['HS256'], keys: secret });
    expect(await ask(shared, hmacToken(secret))).toEqual(IS_ALICE);
    expect(await ask(shared, hmacToken(secret.subarray(1)))).toEqual(UNKNOWN);
    expect(await ask(shared, await tokenOf({ alg: 'HS512', sign: Buffer.alloc(64, secret) }))).toEqual(
      UNKNOWN,
    );
  });
});

describe('keys in the token', () => {
  it('are ignored, whichever header has them', async () => {
    const embedded = jwkOf(mallory);
    const server = await startJwks(mallory);
    const headers: object[] = [
      { jwk: embedded },
      { jku: server.jwksUri },
      { x5u: server.jwksUri },
      { x5c: [rsa.check.export({ type: 'spki', format: 'der' }).toString('base64')] },
      { kid: server.jwksUri },
      { kid: '../../rsa' },
      { kid: '__proto__' },
      { kid: null },
      { kid: ['rsa'] },
    ];
    for (const header of headers) {
      expect(await ask(auth, await tokenOf(mallory, {}, { ...header }))).toEqual(UNKNOWN);
      expect(await ask(jwtFor(rsa), await tokenOf(mallory, {}, { ...header }))).toEqual(UNKNOWN);
    }
    expect(server.requests()).toBe(0);
  });

  it('do not match the ID of a known key, or of another known key', async () => {
    const both = jwtFor(rsa, { algorithms: ['RS256', 'EdDSA'], keys: { keys: [jwkOf(rsa), jwkOf(ed)] } });
    expect(await ask(both, await tokenOf(mallory))).toEqual(UNKNOWN);
    expect(await ask(both, await tokenOf({ ...rsa, kid: 'ed' }))).toEqual(UNKNOWN);
    expect(await ask(both, await tokenOf({ ...ed, kid: 'rsa' }))).toEqual(UNKNOWN);
    expect(await ask(both, await tokenOf(ed))).toEqual(IS_ALICE);
  });

  it('of a JWKS that are for encryption, or for another operation, verify nothing', async () => {
    for (const extra of [{ use: 'enc' }, { key_ops: ['sign'] }, { alg: 'RS512' }]) {
      const keys = [jwkOf(rsa, extra), jwkOf(signerOf('RS256', 'other'))];
      expect(await ask(jwtFor(rsa, { keys: { keys } }), good)).toEqual(UNKNOWN);
    }
  });
});

describe('a valid token with a change is unknown', () => {
  const changes: readonly (readonly [string, string])[] = [
    ['another payload', `${head}.${encode({ ...goodClaims(), sub: 'bob' })}.${signature}`],
    ['a later exp', `${head}.${encode({ ...goodClaims(), exp: 9_999_999_999 })}.${signature}`],
    ['another header', `${encode({ alg: 'RS256', kid: 'rsa', typ: 'x' })}.${body}.${signature}`],
    ['padding in its signature', `${head}.${body}.${signature}==`],
    ['a space in its signature', `${head}.${body}.${signature.slice(0, 9)} ${signature.slice(9)}`],
    ['a line feed at its end', `${good}\n`],
    ['spare bits of its signature set', `${head}.${body}.${signature.slice(0, -1)}${nextLetter(signature)}`],
    ['the alphabet of plain base64', good.replaceAll('-', '+').replaceAll('_', '/')],
    ['a fourth part', `${good}.`],
    ['five parts, as if encrypted', `${head}.${body}.${signature}.${body}.${signature}`],
    ['no payload', `${head}..${signature}`],
    ['JSON instead of the compact form', JSON.stringify({ protected: head, payload: body, signature })],
  ];
  it.each(changes)('%s', async (_what, token) => {
    expect(token).not.toBe(good);
    expect(await ask(auth, token)).toEqual(UNKNOWN);
  });

  it('a length of more than 16 KiB', async () => {
    expect(await ask(auth, await tokenOf(rsa, { note: 'x'.repeat(11_000) }))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(rsa, { note: 'x'.repeat(12_500) }))).toEqual(UNKNOWN);
  });
});

describe('unsupported critical headers', () => {
  const critical: object[] = [
    { crit: ['exp'], exp: 1 },
    { crit: ['x'], x: 1 },
    { crit: [] },
    { crit: 'b64' },
    { crit: ['b64'], b64: false },
    { crit: ['b64'] },
  ];
  it.each(critical)('%j', async (header) => {
    const protectedHeader = encode({ alg: 'HS256', ...header });
    const shared = jwt({ ...options, algorithms: ['HS256'], keys: secret });
    for (const content of [payload, 'eyJ']) {
      const input = `${protectedHeader}.${content}`;
      const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      expect(await ask(shared, token)).toEqual(UNKNOWN);
    }
  });
});

it('payloads that are not claims are unknown, even with a valid signature', async () => {
  const shared = jwt({ ...options, algorithms: ['HS256'], keys: secret });
  for (const content of ['null', '[]', '"x"', '5', '{', '', '\ud800', '{"iss":{}}', '['.repeat(9000)]) {
    const input = `${encode({ alg: 'HS256' })}.${encode(content)}`;
    const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    expect(await ask(shared, token)).toEqual(UNKNOWN);
  }
});

it('tokens that cannot be from the issuer trigger no fetch', async () => {
  const server = await startJwks(rsa);
  const adapter = remoteJwt(server);
  const tokens = [
    'opaque',
    hmacToken(pemOf(rsa.check)),
    `${encode({ alg: 'none' })}.${payload}.AA`,
    await tokenOf(rsa, { iss: 'https://elsewhere.example.org/' }),
    await tokenOf(rsa, { iss: undefined }),
    `${good}=`,
  ];
  for (const token of tokens) expect(await ask(adapter, token)).toEqual(UNKNOWN);
  expect(server.requests()).toBe(0);
  expect(await ask(adapter, good)).toEqual(IS_ALICE);
  expect(server.requests()).toBe(1);
});

/** Returns the last letter of a base64url string, with its lowest bit set. */
function nextLetter(encoded: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(encoded.at(-1) ?? '') + 1] ?? '';
}
