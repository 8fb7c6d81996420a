import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Signer } from '../ports/signer.ts';
import { isServerName } from '../rooms/identifiers.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { isKeyId } from './key-id.ts';

const SEED_BYTES = 32;
/** The bytes before the seed of an Ed25519 key in PKCS #8. */
const PKCS8_OF_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Returns a signer with a private key in memory. The key is never in a property, an error or a log line.
 *
 * @param keyId `ed25519:` and a name for the key: letters, digits and `_`
 * @param serverName the server that the key belongs to
 * @param key the 32 bytes of the key's seed, which are copied, or an Ed25519 private key of `node:crypto`
 * @throws {TypeError} for an invalid key ID, server name or key
 * @see https://spec.matrix.org/v1.18/appendices/#signing-details
 * @see [errors, Signing keys](../../docs/errors.md#signing-keys)
 */
export function signingKey(
  keyId: `ed25519:${string}`,
  serverName: string,
  key: Uint8Array | KeyObject,
): Signer {
  if (!isKeyId(keyId)) {
    throw new TypeError('signingKey: keyId must be "ed25519:" and then letters, digits or _');
  }
  if (typeof serverName !== 'string' || !isServerName(serverName)) {
    throw new TypeError('signingKey: serverName must be a server name');
  }
  const privateKey = key instanceof Uint8Array ? fromSeed(key) : key;
  if (privateKey?.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError('signingKey: key must be 32 bytes or an Ed25519 private key of node:crypto');
  }
  return Object.freeze({
    serverName,
    keyId,
    publicKey: rawPublicKey(privateKey),
    sign: async (bytes: Uint8Array) => sign(null, bytes, privateKey),
  });
}

/**
 * Returns a signer with the first key of a signing key file of Synapse: `ed25519 a_1 BASE64`.
 *
 * @param text the content of the file
 * @param serverName the server that the key belongs to
 * @throws {TypeError} for content in another format, or an invalid server name
 * @see [errors, Signing keys](../../docs/errors.md#signing-keys)
 */
export function readSigningKey(text: string, serverName: string): Signer {
  const [, name, base64 = ''] =
    /^\s*ed25519[ \t]+([a-zA-Z0-9_]+)[ \t]+(\S+)[ \t]*(?:\r?\n|$)/.exec(text) ?? [];
  const seed = decodeBase64(base64);
  if (seed?.length !== SEED_BYTES) {
    throw new TypeError('readSigningKey: text must start with "ed25519", a name, and 32 bytes in base64');
  }
  return signingKey(`ed25519:${name}`, serverName, seed);
}

function fromSeed(seed: Uint8Array): KeyObject | undefined {
  if (seed.length !== SEED_BYTES) return undefined;
  const key = Buffer.concat([PKCS8_OF_ED25519, seed]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

function rawPublicKey(privateKey: KeyObject): string {
  return encodeBase64(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32));
}
