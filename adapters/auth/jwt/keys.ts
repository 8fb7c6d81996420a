import type { KeyObject } from 'node:crypto';
import type { CompactJWSHeaderParameters, CryptoKey, FlattenedJWSInput } from 'jose';

export type TokenHeader = CompactJWSHeaderParameters;

/** Where the key for a token is found. */
export interface KeySource {
  /** Rejects when there are no keys to look in. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Rejects with jose's `JWKSNoMatchingKey` or `JWKSMultipleMatchingKeys` when not exactly one may be it. */
  keyFor(header: TokenHeader, token: FlattenedJWSInput): Promise<CryptoKey | KeyObject>;
  /** Looks for newer keys: false when it is known that there are none. Rejects when that cannot be told. */
  renew(signal: AbortSignal): Promise<boolean>;
}
