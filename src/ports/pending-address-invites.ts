import type { CallContext } from './context.ts';
import type { StoredAddressInvite } from './third-party.ts';

/** An address in a room. */
export type AddressKey = {
  readonly roomId: string;
  /** The keyed hash of medium and address, 64 hexadecimal digits: the store never sees an address. */
  readonly addressHash: string;
};

/** The duration of a claim, in milliseconds. */
export const CLAIM_MS = 60_000;

/**
 * The result of a claim.
 * - `claimed`: the caller alone may now invite the address, until it settles or releases the claim, or for 60 seconds
 * - `inProgress`: another caller has the claim, for `remainingMs` at most, in milliseconds, if the store knows that
 * - `stored`: the address has been invited before
 */
export type AddressClaim =
  | { readonly outcome: 'claimed'; readonly claimId: string }
  | { readonly outcome: 'inProgress'; readonly remainingMs?: number | undefined }
  | { readonly outcome: 'stored'; readonly invite: StoredAddressInvite };

/**
 * Remembers which addresses were invited into which rooms, so that each gets one email. The numbers are promises; the
 * contract kit in `express-matrix-invite/testing` has cases for each. A call whose signal is already aborted changes
 * nothing and rejects.
 */
export interface PendingAddressInvites {
  /**
   * Claims an address in a room.
   *
   * 1. Of racing calls for one key, over all processes that share the store, exactly one resolves `claimed`. The others
   *    resolve `inProgress` until that claim is settled or released, or has lasted 60 seconds. Then the next call
   *    resolves `claimed`, with another `claimId`. A `remainingMs` is the rest of the 60 seconds.
   * 2. Once an invite is settled, every call resolves `stored` with it, until it is forgotten.
   * 3. What it resolves to is durable: a crash of the process or of the store does not lose it.
   *
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached
   */
  claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim>;

  /**
   * Stores the invite of a claim, and ends the claim.
   *
   * 4. It resolves to the invite that is stored for the key from now on. That is another one if this claim has ended and
   *    a later one was settled first.
   * 5. A repeated call changes nothing and resolves to the same.
   *
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached, or cannot say whether it is stored
   */
  settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    context: CallContext,
  ): Promise<StoredAddressInvite>;

  /**
   * Ends a claim without an invite: nothing was sent.
   *
   * 6. It does nothing if the claim has been settled or has ended.
   */
  releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void>;

  /**
   * Forgets the invite of a key, because it was revoked.
   *
   * 7. It does so only if that invite has this token: another one, and a claim, stay.
   */
  forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void>;
}
