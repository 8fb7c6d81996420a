import { hasMethods, type OptionCheck } from '../../../../src/internal/options.ts';
import { isServerName } from '../../../../src/rooms/identifiers.ts';

export const signerOption: OptionCheck = {
  required: true,
  expects: 'an object with serverName, keyId, publicKey and a method sign, such as signingKey() returns',
  accepts(value) {
    if (!hasMethods(value, 'sign')) return false;
    const { serverName, keyId, publicKey } = value as Record<string, unknown>;
    return (
      typeof serverName === 'string' &&
      isServerName(serverName) &&
      typeof keyId === 'string' &&
      /^ed25519:[a-zA-Z0-9_]+$/.test(keyId) &&
      typeof publicKey === 'string'
    );
  },
};
