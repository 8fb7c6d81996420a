import { signingKey } from '../../src/pdu/index.ts';

export const context = { signal: new AbortController().signal };

/** https://spec.matrix.org/v1.18/appendices/#cryptographic-test-vectors */
export const SEED = Buffer.from('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 'base64');

/** The signer of the test vectors in the specification. */
export const domain = signingKey('ed25519:1', 'domain', SEED);

export const domainKeys = new Map([[domain.keyId, domain.publicKey]]);

export const other = signingKey('ed25519:x', 'other.test', Buffer.alloc(32, 7));
