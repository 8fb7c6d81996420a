import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';

/** The supported signature algorithms (RFC 7518, section 3.1; RFC 8037 and RFC 9864 for Ed25519). */
export type JwtAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'
  | 'HS256'
  | 'HS384'
  | 'HS512';

type Algorithm = {
  /** The required type and curve of an asymmetric `KeyObject`. */
  readonly keyType?: string;
  readonly curve?: string;
  /** The required algorithm of a `CryptoKey`. */
  readonly webCrypto: { readonly name: string; readonly hash?: string; readonly namedCurve?: string };
  /** The minimum length of a shared secret (RFC 7518, section 3.2). */
  readonly secretBytes?: number;
};

const rsa = (bits: number): Algorithm => ({
  keyType: 'rsa',
  webCrypto: { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` },
});
const rsaPss = (bits: number): Algorithm => ({
  keyType: 'rsa',
  webCrypto: { name: 'RSA-PSS', hash: `SHA-${bits}` },
});
const ecdsa = (curve: string, namedCurve: string): Algorithm => ({
  keyType: 'ec',
  curve,
  webCrypto: { name: 'ECDSA', namedCurve },
});
const ed25519: Algorithm = { keyType: 'ed25519', webCrypto: { name: 'Ed25519' } };
const hmac = (bits: number): Algorithm => ({
  webCrypto: { name: 'HMAC', hash: `SHA-${bits}` },
  secretBytes: bits / 8,
});

const ALGORITHMS: { readonly [Name in JwtAlgorithm]: Algorithm } = {
  RS256: rsa(256),
  RS384: rsa(384),
  RS512: rsa(512),
  PS256: rsaPss(256),
  PS384: rsaPss(384),
  PS512: rsaPss(512),
  ES256: ecdsa('prime256v1', 'P-256'),
  ES384: ecdsa('secp384r1', 'P-384'),
  ES512: ecdsa('secp521r1', 'P-521'),
  EdDSA: ed25519,
  Ed25519: ed25519,
  HS256: hmac(256),
  HS384: hmac(384),
  HS512: hmac(512),
};

export const ALGORITHM_NAMES: readonly string[] = Object.keys(ALGORITHMS);

export function isAlgorithm(name: unknown): name is JwtAlgorithm {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name);
}

/** Returns true if the key that verifies signatures can also create them. */
export function isSymmetric(algorithm: JwtAlgorithm): boolean {
  return ALGORITHMS[algorithm].secretBytes !== undefined;
}

/**
 * Returns true if a key can verify signatures of an algorithm. Rejects private keys, so that a host app never
 * hands one out.
 */
export function keyObjectFits(key: KeyObject, algorithm: JwtAlgorithm): boolean {
  const { keyType, curve, secretBytes } = ALGORITHMS[algorithm];
  if (secretBytes !== undefined) return key.type === 'secret' && (key.symmetricKeySize ?? 0) >= secretBytes;
  if (key.type !== 'public' || key.asymmetricKeyType !== keyType) return false;
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  return namedCurve === curve && (modulusLength ?? MIN_RSA_BITS) >= MIN_RSA_BITS;
}

/** Like {@link keyObjectFits}, for a public key of a JWKS, which may be restricted to one purpose and algorithm. */
export function jwkFits(jwk: webcrypto.JsonWebKey, algorithm: JwtAlgorithm): boolean {
  const { alg = algorithm, use = 'sig', key_ops: operations = ['verify'] } = jwk;
  if (alg !== algorithm || use !== 'sig' || !operations.includes('verify')) return false;
  try {
    return keyObjectFits(createPublicKey({ key: { ...jwk }, format: 'jwk' }), algorithm);
  } catch {
    return false;
  }
}

/** Like {@link keyObjectFits}, for a key of the Web Crypto API, which is bound to one algorithm. */
export function cryptoKeyFits(key: webcrypto.CryptoKey, algorithm: JwtAlgorithm): boolean {
  const { webCrypto, secretBytes } = ALGORITHMS[algorithm];
  const { name, hash, namedCurve, length, modulusLength } = key.algorithm as CryptoKeyAlgorithm;
  if (key.type !== (secretBytes === undefined ? 'public' : 'secret')) return false;
  if (!key.usages.includes('verify') || name !== webCrypto.name) return false;
  if (hash?.name !== webCrypto.hash || namedCurve !== webCrypto.namedCurve) return false;
  if (secretBytes !== undefined) return (length ?? 0) >= secretBytes * 8;
  return (modulusLength ?? MIN_RSA_BITS) >= MIN_RSA_BITS;
}

/** RFC 7518, sections 3.3 and 3.5. */
const MIN_RSA_BITS = 2048;

/** The fields of every kind of key. */
type CryptoKeyAlgorithm = {
  readonly name: string;
  readonly hash?: { readonly name: string };
  readonly namedCurve?: string;
  readonly length?: number;
  readonly modulusLength?: number;
};
