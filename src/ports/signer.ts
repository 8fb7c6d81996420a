import type { CallContext } from './context.ts';

/**
 * Signs on behalf of a server, with a key in memory (`signingKey` of `express-matrix-invite/pdu`), in a key management
 * service or in a hardware module.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#signing-details
 */
export interface Signer {
  /** The server that signs. */
  readonly serverName: string;
  /** The ID of the key: `ed25519:` and letters, digits or `_`. */
  readonly keyId: `ed25519:${string}`;
  /** The public key: 32 bytes in unpadded base64. */
  readonly publicKey: string;
  /**
   * Signs some bytes.
   *
   * 1. It resolves to the Ed25519 signature, 64 bytes, of exactly these bytes by the key of `publicKey`.
   * 2. It neither changes the bytes nor keeps them.
   */
  sign(bytes: Uint8Array, context: CallContext): Promise<Uint8Array>;
}
