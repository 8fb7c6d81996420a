import { createSecretKey, KeyObject, type webcrypto } from 'node:crypto';
import { type CryptoKey, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { cryptoKeyFits, isSymmetric, type JwtAlgorithm, keyObjectFits } from './algorithms.ts';
import type { KeySource } from './keys.ts';
import type { JsonWebKeySet, JwtKeys } from './options.ts';
import { RemoteKeySet } from './remote-key-set.ts';

/** @throws {TypeError} for keys that are none, or that do not fit the algorithms */
export function keySourceOf(keys: JwtKeys, algorithms: readonly JwtAlgorithm[]): KeySource {
  const secret = algorithms.some(isSymmetric);
  // An issuer's public key, which everybody has, must never count as a shared secret.
  if (secret && !algorithms.every(isSymmetric)) {
    throw new TypeError('jwt: option "algorithms" must not have HS algorithms beside others');
  }
  if (keys instanceof Uint8Array) return ofOne(keyObjectOf(keys), algorithms, keyObjectFits);
  if (keys instanceof KeyObject) return ofOne(keys, algorithms, keyObjectFits);
  if (isCryptoKey(keys)) return ofOne(keys, algorithms, cryptoKeyFits);
  if (secret) throw new TypeError('jwt: option "keys" must be a secret key for HS algorithms');
  return 'jwksUri' in keys ? new RemoteKeySet(keys) : ofSet(keys);
}

function isCryptoKey(keys: object): keys is webcrypto.CryptoKey {
  return Object.prototype.toString.call(keys) === '[object CryptoKey]';
}

/** A copy, which the host's later changes do not reach. */
function keyObjectOf(secret: Uint8Array): KeyObject {
  if (Buffer.from(secret).includes('-----BEGIN ')) {
    throw new TypeError('jwt: option "keys" must not be a PEM text as a secret: make a KeyObject of it');
  }
  return createSecretKey(secret);
}

function ofOne<Key extends CryptoKey | KeyObject>(
  key: Key,
  algorithms: readonly JwtAlgorithm[],
  fits: (key: Key, algorithm: JwtAlgorithm) => boolean,
): KeySource {
  const unfit = algorithms.find((algorithm) => !fits(key, algorithm));
  if (unfit !== undefined) {
    throw new TypeError(
      `jwt: option "keys" must be a key that can check ${unfit}: of its kind, long enough, public unless a secret`,
    );
  }
  return { async prepare() {}, keyFor: async () => key, renew: async () => false };
}

function ofSet(keys: JsonWebKeySet): KeySource {
  if (!Array.isArray(keys.keys) || keys.keys.length === 0 || keys.keys.some(isNotPublic)) {
    throw new TypeError('jwt: option "keys" must be a JWKS of at least one key, all public');
  }
  const keyFor = createLocalJWKSet(keys as JSONWebKeySet);
  return { async prepare() {}, keyFor, renew: async () => false };
}

/** Private members: RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2. */
function isNotPublic(key: unknown): boolean {
  return typeof key !== 'object' || key === null || 'd' in key || 'k' in key || 'priv' in key;
}
