// The code that you would write: the confirmed addresses of your users, and your invitation emails.
import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import {
  type AddressInvite,
  InviteNotSentError,
  type InviteRoomDetails,
  MatrixError,
  type StoredAddressInvite,
  type ThirdPartyIdentity,
} from 'express-matrix-invite';
import type { Transporter } from 'nodemailer';

/** An invitation whose email was sent. */
export type Invitation = { readonly token: string; readonly roomId: string; readonly sender: string };

/** The confirmed addresses of users, and the pending invitations to other addresses. */
export class Invitations implements ThirdPartyIdentity {
  readonly #database: DatabaseSyncInstance;
  readonly #mail: Transporter;

  constructor(database: DatabaseSyncInstance, mail: Transporter) {
    this.#database = database;
    this.#mail = mail;
    database.exec(`
CREATE TABLE IF NOT EXISTS confirmed_addresses (address TEXT PRIMARY KEY, user_id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS invitations (
  token TEXT PRIMARY KEY, code_hash BLOB NOT NULL, address TEXT NOT NULL, room_id TEXT NOT NULL, sender TEXT NOT NULL
) STRICT;`);
  }

  objectionTo({ medium }: AddressInvite): MatrixError | undefined {
    return medium === 'email'
      ? undefined
      : new MatrixError(403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED', 'Only email addresses can be invited');
  }

  async lookUp({ address }: AddressInvite): Promise<string | undefined> {
    const row = this.#database
      .prepare('SELECT user_id FROM confirmed_addresses WHERE address = ?')
      .get(address);
    return row?.user_id as string | undefined;
  }

  async storeInvite(
    { address, roomId, sender }: AddressInvite,
    { roomName = 'a room' }: InviteRoomDetails,
  ): Promise<StoredAddressInvite> {
    // All members of the room see the token. Only the owner of the address sees the code.
    const token = randomBytes(16).toString('hex');
    const code = randomBytes(16).toString('hex');
    this.#database
      .prepare('INSERT INTO invitations VALUES (?, ?, ?, ?, ?)')
      .run(token, hashOf(code), address, roomId, sender);
    try {
      await this.#mail.sendMail({
        from: 'invitations@example.org',
        to: address,
        subject: 'You are invited',
        text: `${sender} invites you to ${roomName}.\nSign up at https://example.org, and enter this code: ${code}`,
      });
    } catch (cause) {
      // Nothing was sent, so the next request may try again immediately.
      if (isConnectionFailure(cause)) {
        this.#database.prepare('DELETE FROM invitations WHERE token = ?').run(token);
        throw new InviteNotSentError('The mail server cannot be reached', { cause });
      }
      throw cause;
    }
    // Nobody has the private key of this public key, so only you can use the token.
    const publicKey = randomBytes(32).toString('base64url');
    return { token, displayName: address.replace(/(?<=^|@)(.)[^@]*/gu, '$1…'), publicKeys: [{ publicKey }] };
  }

  async isKeyValid(): Promise<boolean> {
    return false;
  }

  /**
   * Confirms that a user owns the address to which a code was sent.
   *
   * @returns the address, or undefined for an unknown code
   */
  confirm(userId: string, code: string): string | undefined {
    const row = this.#database
      .prepare('SELECT address FROM invitations WHERE code_hash = ?')
      .get(hashOf(code));
    if (row === undefined) return undefined;
    const address = String(row.address);
    this.#database
      .prepare(
        'INSERT INTO confirmed_addresses VALUES (?, ?) ON CONFLICT DO UPDATE SET user_id = excluded.user_id',
      )
      .run(address, userId);
    return address;
  }

  /** Returns the pending invitations to an address. */
  waitingFor(address: string): Invitation[] {
    return this.#database
      .prepare('SELECT token, room_id, sender FROM invitations WHERE address = ?')
      .all(address)
      .map((row) => ({ token: String(row.token), roomId: String(row.room_id), sender: String(row.sender) }));
  }

  /** Deletes an invitation that is no longer pending. */
  forget({ token }: Invitation): void {
    this.#database.prepare('DELETE FROM invitations WHERE token = ?').run(token);
  }
}

/** The database contains only hashes, not working codes. */
function hashOf(code: string): Uint8Array {
  return createHash('sha256').update(code).digest();
}

/** Returns true if there was no connection, so nothing can have been sent. */
function isConnectionFailure(error: unknown): boolean {
  return (error as { readonly syscall?: unknown }).syscall === 'connect';
}
