import type { Signer } from '../ports/signer.ts';
import { isServerName } from '../rooms/identifiers.ts';
import { readPublicKey } from './signatures.ts';

/** Returns true for a signer whose server name, key ID and public key are well-formed. */
export function isSigner(value: unknown): value is Signer {
  if (typeof value !== 'object' || value === null) return false;
  const { serverName, keyId, publicKey, sign } = value as Partial<Record<keyof Signer, unknown>>;
  return (
    typeof serverName === 'string' &&
    isServerName(serverName) &&
    typeof keyId === 'string' &&
    /^ed25519:[a-zA-Z0-9_]+$/.test(keyId) &&
    typeof publicKey === 'string' &&
    readPublicKey(publicKey) !== undefined &&
    typeof sign === 'function'
  );
}
