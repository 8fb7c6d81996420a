import type { Signer } from '../ports/signer.ts';
import { isServerName } from '../rooms/identifiers.ts';
import { isKeyId } from './key-id.ts';
import { readPublicKey } from './signatures.ts';

/** The check of a required option `signer`. */
export const signerOption = {
  required: true,
  expects: 'a signer: an object with serverName, keyId, publicKey and sign, as returned by signingKey',
  accepts(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    const { serverName, keyId, publicKey, sign } = value as Partial<Record<keyof Signer, unknown>>;
    return (
      typeof sign === 'function' &&
      typeof serverName === 'string' &&
      isServerName(serverName) &&
      isKeyId(keyId) &&
      typeof publicKey === 'string' &&
      readPublicKey(publicKey) !== undefined
    );
  },
};
