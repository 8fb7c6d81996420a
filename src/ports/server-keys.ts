import type { CallContext } from './context.ts';

/**
 * The keys that a server has published. Public keys are 32 bytes in unpadded base64, by the ID of the key.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#retrieving-server-keys
 */
export type ServerKeys = {
  /** The keys that sign its requests and events now. */
  readonly verifyKeys: Readonly<Record<string, string>>;
  /** The keys that signed its events until `expiredTs`, in Unix milliseconds. */
  readonly oldVerifyKeys: Readonly<Record<string, { readonly key: string; readonly expiredTs: number }>>;
  /** The time until which `verifyKeys` are valid, in Unix milliseconds: at most 7 days after `fetchedTs`. */
  readonly validUntilTs: number;
  /** The time at which they were fetched, in Unix milliseconds. */
  readonly fetchedTs: number;
};

/**
 * Stores the keys of other servers. Lost keys are fetched again, if their server still publishes them. The numbers are
 * promises.
 */
export interface ServerKeyStore {
  /**
   * Returns the keys of a server.
   *
   * 1. It resolves to what was last written for exactly this name, or to `undefined`. It may forget keys.
   */
  read(serverName: string, context: CallContext): Promise<ServerKeys | undefined>;

  /**
   * Stores the keys of a server.
   *
   * 2. They replace all keys that were written for the same name before.
   */
  write(serverName: string, keys: ServerKeys, context: CallContext): Promise<void>;
}
