import { hasMethods, type OptionCheck } from '../internal/options.ts';
import type { Signer } from '../ports/signer.ts';
import { isServerName } from '../rooms/identifiers.ts';
import { isKeyId } from './key-id.ts';
import { readPublicKey } from './signatures.ts';

/** The check of a required option `signer`. */
export const signerOption: OptionCheck = {
  required: true,
  expects: 'a signer: an object with serverName, keyId, publicKey and sign, as returned by signingKey',
  accepts(value) {
    if (!hasMethods(value, 'sign')) return false;
    const { serverName, keyId, publicKey } = value as Partial<Record<keyof Signer, unknown>>;
    return (
      typeof serverName === 'string' &&
      isServerName(serverName) &&
      isKeyId(keyId) &&
      typeof publicKey === 'string' &&
      readPublicKey(publicKey) !== undefined
    );
  },
};
