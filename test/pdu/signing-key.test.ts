import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readSigningKey, signingKey } from '../../src/pdu/index.ts';
import { context, domain, SEED } from './signer.ts';
import { keyPairOf } from './support.ts';

const SECRETS = ['hex', 'base64', 'base64url', 'latin1'].map((encoding) => SEED.toString(encoding as 'hex'));

/** What a logger, a debugger or a careless line might print of a value. */
function printed(value: unknown): string {
  const shown = inspect(value, { showHidden: true, depth: Number.POSITIVE_INFINITY, getters: true });
  return [shown, JSON.stringify(value), String(value), ...Object.values(value as object).map(String)].join(
    '\n',
  );
}

describe('a signing key', () => {
  it('signs with the key of a seed', async () => {
    const { publicKey } = keyPairOf(SEED);

    expect(domain).toMatchObject({ serverName: 'domain', keyId: 'ed25519:1' });
    expect(Buffer.from(domain.publicKey, 'base64')).toEqual(publicKey);
    expect(domain.publicKey).not.toContain('=');
    const bytes = Buffer.from('some bytes');
    const key = createPublicKey(keyPairOf(SEED).privateKey);
    expect(verify(null, bytes, key, await domain.sign(bytes, context))).toBe(true);
  });

  it('is the same from a key object, a copied seed, and a file of Synapse', async () => {
    const seed = Buffer.from(SEED);
    const file = `ed25519 a_1 ${SEED.toString('base64').replace(/=+$/, '')}\n`;
    const keys = [
      signingKey('ed25519:a_1', 'domain', keyPairOf(SEED).privateKey),
      signingKey('ed25519:a_1', 'domain', seed),
      readSigningKey(file, 'domain'),
      readSigningKey(file.trim(), 'domain'),
      readSigningKey(`${file}ed25519 a_2 ${Buffer.alloc(32).toString('base64')}\n`, 'domain'),
      readSigningKey(file.replaceAll(' ', '\t').replace('\n', '\r\n'), 'domain'),
    ];
    seed.fill(0);

    for (const key of keys) {
      expect(key).toMatchObject({ keyId: 'ed25519:a_1', publicKey: domain.publicKey });
      expect(await key.sign(SEED, context)).toEqual(await domain.sign(SEED, context));
    }
  });

  it('shows its private key nowhere', () => {
    for (const key of [domain, signingKey('ed25519:1', 'domain', keyPairOf(SEED).privateKey)]) {
      for (const secret of SECRETS) expect(printed(key)).not.toContain(secret);
      expect(JSON.parse(JSON.stringify(key))).toEqual({
        serverName: 'domain',
        keyId: 'ed25519:1',
        publicKey: domain.publicKey,
      });
      expect(Object.isFrozen(key)).toBe(true);
    }
  });

  it.each(['1', 'ed25519:', 'ed25519:a-b', 'ed25519:ä', 'rsa:1', 'ed25519:a b', 'xed25519:1'])(
    'has no ID %j',
    (keyId) => {
      expect(() => signingKey(keyId as 'ed25519:1', 'domain', SEED)).toThrow(
        new TypeError('signingKey: keyId must be "ed25519:" and then letters, digits or _'),
      );
    },
  );

  it.each(['', 'a b', 'example.org/'])('belongs to no server %j', (serverName) => {
    expect(() => signingKey('ed25519:1', serverName, SEED)).toThrow(
      new TypeError('signingKey: serverName must be a server name'),
    );
  });

  it.each<[string, unknown]>([
    ['a byte too few', SEED.subarray(1)],
    ['a byte too many', Buffer.concat([SEED, Buffer.alloc(1)])],
    ['the base64 of a seed', SEED.toString('base64')],
    ['a public key', createPublicKey(keyPairOf(SEED).privateKey)],
    ['a key of another kind', generateKeyPairSync('x25519').privateKey],
    [
      'a secret key',
      createPrivateKey(
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
          format: 'pem',
          type: 'pkcs8',
        }),
      ),
    ],
    ['nothing', undefined],
  ])('is not made from %s, and the error does not show it', (_case, key) => {
    let thrown: unknown;
    try {
      signingKey('ed25519:1', 'domain', key as Uint8Array);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(
      new TypeError('signingKey: key must be 32 bytes or an Ed25519 private key of node:crypto'),
    );
    for (const secret of SECRETS) expect(printed(thrown)).not.toContain(secret.slice(4));
  });

  const base64 = SEED.toString('base64');
  it.each([
    '',
    base64,
    `ed25519 ${base64}`,
    `rsa a_1 ${base64}`,
    `ed25519 a-1 ${base64}`,
    `ed25519 a_1 ${base64.slice(4)}`,
    `ed25519 a_1 ${base64} ${base64}`,
    `ed25519 a_1 *${base64}`,
    `-----BEGIN MATRIX PRIVATE KEY-----\n${base64}`,
  ])('is not read from a file in another format, and the error does not show it', (text) => {
    let thrown: unknown;
    try {
      readSigningKey(text, 'domain');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(
      new TypeError('readSigningKey: text must start with "ed25519", a name, and 32 bytes in base64'),
    );
    expect(printed(thrown)).not.toContain(base64.slice(4, 30));
  });
});
