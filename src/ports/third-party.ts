import type { MatrixError } from '../errors.ts';
import type { CallContext } from './context.ts';

/** An invite of the owner of an email address or a phone number. */
export type AddressInvite = {
  readonly roomId: string;
  /** The inviter's user ID. */
  readonly sender: string;
  /** The identity server that the client names: host name and optional port. */
  readonly idServer: string;
  /** The inviter's access token for that server. It is a secret: it must not reach a log. */
  readonly idAccessToken: string;
  /** The kind of address: `email` or `msisdn`. */
  readonly medium: string;
  /**
   * The address in its canonical form: an email address with its case folded, a phone number as digits. It must not
   * reach a log.
   *
   * @see https://spec.matrix.org/v1.18/appendices/#3pid-types
   */
  readonly address: string;
};

/** Details of the room and the inviter, for the text of an email. Each is absent if unknown. */
export type InviteRoomDetails = {
  readonly roomName?: string | undefined;
  readonly roomAlias?: string | undefined;
  readonly roomAvatarUrl?: string | undefined;
  readonly roomJoinRules?: string | undefined;
  readonly roomType?: string | undefined;
  readonly senderDisplayName?: string | undefined;
  readonly senderAvatarUrl?: string | undefined;
};

/** A key that may sign for the owner of an address. */
export type AddressInviteKey = {
  /**
   * An Ed25519 public key: 32 bytes in unpadded base64, in the standard or the URL-safe alphabet. It is stored exactly as
   * given. A point of small order, such as 32 zero bytes, is refused, because anybody can sign for it.
   */
  readonly publicKey: string;
  /** Says whether the key is still valid. Without a URL, it always is. */
  readonly keyValidityUrl?: string | undefined;
};

/**
 * An invite that waits for the owner of an address, as it is stored in the room.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroomthird_party_invite
 */
export type StoredAddressInvite = {
  /** Proves, once it is signed, that somebody owns the address. 1 to 255 of the characters `0-9 a-z A-Z . = _ -`. */
  readonly token: string;
  /** Shown to the room's members instead of the address, such as `a…@e…`. At most 255 characters. */
  readonly displayName: string;
  /** 1 to 10 keys. */
  readonly publicKeys: readonly AddressInviteKey[];
};

/**
 * Finds the users who have addresses, and invites the owners of other addresses: an identity server, or the host app's
 * own accounts and emails. The numbers are promises.
 */
export interface ThirdPartyIdentity {
  /**
   * Milliseconds that its calls in one request may take in total: 1 to 30000. Default 10000. The service's own
   * `deadlineMs` does not run during these calls.
   */
  readonly timeoutMs?: number | undefined;

  /**
   * Returns the error for a medium, an address or an identity server that it does not accept.
   *
   * 1. It is called before everything else, and does no I/O.
   */
  objectionTo(invite: AddressInvite): MatrixError | undefined;

  /**
   * Returns the ID of the user who has the address, or `undefined` if nobody has.
   *
   * 2. It sends nothing to the owner of the address.
   * 3. It rejects if it cannot tell: an outage is never `undefined`, or somebody who has an account would get an email.
   *
   * @throws {MatrixError} (rejects) the error of the response. Any other error is a 502, or a 504 after `timeoutMs`.
   */
  lookUp(invite: AddressInvite, context: CallContext): Promise<string | undefined>;

  /**
   * Stores an invite for an address that nobody has, and may send an email.
   *
   * 4. It is called only when the room, the policies and the rate limits allow the invite, and at most once for each
   *    claim (see `PendingAddressInvites`).
   * 5. It resolves to `inUse` if somebody has the address by now, and has then sent nothing.
   * 6. If it rejects with a `MatrixError` whose status is below 500, or with an `InviteNotSentError`, it has stored and
   *    sent nothing, and the next request may try at once. After any other error it is unknown whether it has, and for a
   *    minute no other request tries.
   *
   * @throws {MatrixError} (rejects) see 6
   * @throws {InviteNotSentError} (rejects) see 6; the response is a 502. So is that of any other error, or a 504 after
   *   `timeoutMs`.
   */
  storeInvite(
    invite: AddressInvite,
    room: InviteRoomDetails,
    context: CallContext,
  ): Promise<StoredAddressInvite | 'inUse'>;

  /**
   * Returns whether a key may still sign for the owner of an address.
   *
   * 7. It is called only after a signature of that key has been verified. The URL may be anything that a member of a
   *    room wrote.
   *
   * @throws (rejects) if it cannot tell: the signature is then neither accepted nor permanently refused
   */
  isKeyValid(key: AddressInviteKey, context: CallContext): Promise<boolean>;
}
