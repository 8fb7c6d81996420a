import { randomUUID } from 'node:crypto';
import { type AddressClaim, type AddressKey, CLAIM_MS } from '../../../src/ports/pending-address-invites.ts';
import type { StoredAddressInvite } from '../../../src/ports/third-party.ts';
import { inProgress, isClaimed } from '../shared/claim.ts';
import type { SqliteConnection } from './connection.ts';
import { toStoredText } from './encoding.ts';

/** The addresses that were claimed or invited. Each method is synchronous; those that write belong in a transaction. */
export class PendingAddresses {
  readonly #connection: SqliteConnection;
  readonly #sql: ReturnType<typeof statementsOn>;

  constructor(connection: SqliteConnection, prefix: string) {
    this.#connection = connection;
    this.#sql = statementsOn(prefix);
  }

  claim(key: AddressKey): AddressClaim {
    const pending = this.#pending(key);
    if (typeof pending?.invite === 'string') return { outcome: 'stored', invite: JSON.parse(pending.invite) };
    if (pending !== undefined && isClaimed(pending.until)) return inProgress(pending.until - Date.now());
    const claimId = randomUUID();
    this.#connection.statement(this.#sql.claim).run(...columnsOf(key), claimId, Date.now() + CLAIM_MS);
    return { outcome: 'claimed', claimId };
  }

  settle(key: AddressKey, claimId: string, invite: StoredAddressInvite): StoredAddressInvite {
    const stored = this.#pending(key)?.invite;
    if (typeof stored === 'string') return JSON.parse(stored);
    const columns = [...columnsOf(key), claimId, invite.token, JSON.stringify(invite)];
    this.#connection.statement(this.#sql.settle).run(...columns);
    return invite;
  }

  release(key: AddressKey, claimId: string): void {
    this.#connection.statement(this.#sql.release).run(...columnsOf(key), claimId);
  }

  forget(key: AddressKey, token: string): void {
    this.#connection.statement(this.#sql.forget).run(...columnsOf(key), token);
  }

  #pending(key: AddressKey): { readonly until: number; readonly invite: string | null } | undefined {
    const row = this.#connection.statement(this.#sql.pending).get(...columnsOf(key));
    if (row === undefined) return undefined;
    const { claimed_until, invite } = row as { claimed_until: number | bigint; invite: string | null };
    return { until: Number(claimed_until), invite };
  }
}

function columnsOf({ roomId, addressHash }: AddressKey): [string, string] {
  return [toStoredText(roomId), addressHash];
}

function statementsOn(prefix: string) {
  const table = `${prefix}pending_addresses`;
  const isKey = 'room_id = ? AND address_hash = ?';
  return {
    pending: `SELECT claimed_until, invite FROM ${table} WHERE ${isKey}`,
    claim: `INSERT INTO ${table} (room_id, address_hash, claim_id, claimed_until) VALUES (?, ?, ?, ?)
ON CONFLICT (room_id, address_hash) DO UPDATE SET claim_id = excluded.claim_id, claimed_until = excluded.claimed_until`,
    settle: `INSERT INTO ${table} (room_id, address_hash, claim_id, claimed_until, token, invite) VALUES (?, ?, ?, 0, ?, ?)
ON CONFLICT (room_id, address_hash) DO UPDATE SET token = excluded.token, invite = excluded.invite`,
    release: `DELETE FROM ${table} WHERE ${isKey} AND claim_id = ? AND invite IS NULL`,
    forget: `DELETE FROM ${table} WHERE ${isKey} AND token = ?`,
  };
}
