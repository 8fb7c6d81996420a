import { createSecretKey, KeyObject, type webcrypto } from 'node:crypto';
import type { CryptoKey, JSONWebKeySet } from 'jose';
import { cryptoKeyFits, isSymmetric, type JwtAlgorithm, jwkFits, keyObjectFits } from './algorithms.ts';
import { jose } from './jose.ts';
import type { JsonWebKeySet, JwtKeys } from './options.ts';
import { RemoteKeySet } from './remote-key-set.ts';
import type { KeySource } from './verify.ts';

/** @throws {TypeError} for keys that are malformed or do not fit the algorithms */
export function keySourceOf(keys: JwtKeys, algorithms: readonly JwtAlgorithm[]): KeySource {
  const isSecret = algorithms.some(isSymmetric);
  // Everyone has the issuer's public key, so it must never count as a shared secret.
  if (isSecret && !algorithms.every(isSymmetric)) {
    throw new TypeError('jwt: option "algorithms" must not mix HS algorithms with others');
  }
  if (keys instanceof Uint8Array) return singleKey(copyOfSecret(keys), algorithms, keyObjectFits);
  if (keys instanceof KeyObject) return singleKey(keys, algorithms, keyObjectFits);
  if (isCryptoKey(keys)) return singleKey(keys, algorithms, cryptoKeyFits);
  if (isSecret) throw new TypeError('jwt: option "keys" must be a secret key for HS algorithms');
  return 'jwksUri' in keys ? new RemoteKeySet(keys) : localKeySet(keys, algorithms);
}

function isCryptoKey(keys: object): keys is webcrypto.CryptoKey {
  return Object.prototype.toString.call(keys) === '[object CryptoKey]';
}

/** Copies the secret, so that the host app cannot change it later. */
function copyOfSecret(secret: Uint8Array): KeyObject {
  if (Buffer.from(secret).includes('-----BEGIN ')) {
    throw new TypeError('jwt: option "keys" must not be PEM in a Uint8Array: create a KeyObject from it');
  }
  return createSecretKey(secret);
}

function singleKey<Key extends CryptoKey | KeyObject>(
  key: Key,
  algorithms: readonly JwtAlgorithm[],
  fits: (key: Key, algorithm: JwtAlgorithm) => boolean,
): KeySource {
  const unfit = algorithms.find((algorithm) => !fits(key, algorithm));
  if (unfit !== undefined) {
    throw new TypeError(
      `jwt: option "keys" must be a key that can verify ${unfit}: of the right type, long enough and not private`,
    );
  }
  return { async prepare() {}, keyFor: async () => key, refetch: async () => false };
}

function localKeySet(keys: JsonWebKeySet, algorithms: readonly JwtAlgorithm[]): KeySource {
  if (!Array.isArray(keys.keys) || keys.keys.length === 0 || keys.keys.some(isNotPublic)) {
    throw new TypeError('jwt: option "keys" must be a JWKS with at least one key, all of them public');
  }
  // A JWKS may also have keys for other purposes, which are ignored (RFC 7517, section 5).
  if (!keys.keys.some((key) => algorithms.some((algorithm) => jwkFits(key, algorithm)))) {
    throw new TypeError(
      `jwt: option "keys" must be a JWKS with a key that can verify ${algorithms.join(' or ')}`,
    );
  }
  const keyFor = jose.createLocalJWKSet(keys as JSONWebKeySet);
  return { async prepare() {}, keyFor, refetch: async () => false };
}

/** Private members: RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2. */
function isNotPublic(key: unknown): boolean {
  return typeof key !== 'object' || key === null || 'd' in key || 'k' in key || 'priv' in key;
}
