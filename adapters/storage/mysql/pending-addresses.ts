import { type AddressClaim, type AddressKey, CLAIM_MS } from '../../../src/ports/pending-address-invites.ts';
import type { StoredAddressInvite } from '../../../src/ports/third-party.ts';
import { inProgress } from '../shared/claim.ts';
import { storedBytes } from './encoding.ts';
import { isDeadlock } from './failures.ts';
import type { Session } from './session.ts';

/** The addresses that were claimed or invited. Each change is one statement and its own transaction. */
export class PendingAddresses {
  readonly #sql: ReturnType<typeof statementsOn>;

  constructor(prefix: string) {
    this.#sql = statementsOn(prefix);
  }

  /** @param claimId one for each call: `session` may be another one after a connection was lost */
  async claim(session: Session, key: AddressKey, claimId: string): Promise<AddressClaim> {
    await changeAnyway(session, this.#sql.claim, [...columnsOf(key), Buffer.from(claimId)]);
    const [row] = await session.select(this.#sql.pending, columnsOf(key));
    const [claimedBy, invite, remainingMs] = row ?? [];
    if (invite) return { outcome: 'stored', invite: JSON.parse(String(invite)) };
    if (String(claimedBy) === claimId) return { outcome: 'claimed', claimId };
    return inProgress(Number(String(remainingMs)));
  }

  async settle(
    session: Session,
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
  ): Promise<StoredAddressInvite> {
    const columns = [claimId, invite.token, JSON.stringify(invite)].map((text) => Buffer.from(text));
    await changeAnyway(session, this.#sql.settle, [...columnsOf(key), ...columns]);
    const [row] = await session.select(this.#sql.pending, columnsOf(key));
    const stored = row?.[1];
    // Without one, the invite was stored, and another process has already forgotten it.
    return stored ? JSON.parse(String(stored)) : invite;
  }

  release(session: Session, key: AddressKey, claimId: string): Promise<void> {
    return changeAnyway(session, this.#sql.release, [...columnsOf(key), Buffer.from(claimId)]);
  }

  forget(session: Session, key: AddressKey, token: string): Promise<void> {
    return changeAnyway(session, this.#sql.forget, [...columnsOf(key), Buffer.from(token)]);
  }
}

/**
 * The maximum number of tries for a change that deadlocks may undo. Each try waits until the other transactions release
 * their locks.
 */
const MAX_TRIES = 100;

/** Sends a change again if the server has chosen it to end a deadlock: with a transaction or a trigger of the host app. */
async function changeAnyway(session: Session, sql: string, values: unknown[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await session.change(sql, values);
      return;
    } catch (error) {
      if (!isDeadlock(error) || tries === MAX_TRIES) throw error;
    }
  }
}

function columnsOf({ roomId, addressHash }: AddressKey): Buffer[] {
  return [storedBytes(roomId), Buffer.from(addressHash)];
}

function statementsOn(prefix: string) {
  const table = `${prefix}pending_addresses`;
  const isKey = 'room_id = ? AND address_hash = ?';
  const now = 'UTC_TIMESTAMP(3)';
  return {
    pending: `
SELECT claim_id, invite, TIMESTAMPDIFF(MICROSECOND, ${now}, claimed_until) DIV 1000
FROM ${table} WHERE ${isKey} LIMIT 1`,
    // No assignment reads what another one has assigned: whether it would see that depends on the SQL mode of MariaDB.
    claim: `
INSERT INTO ${table} (room_id, address_hash, claim_id, claimed_until)
VALUES (?, ?, ?, ${now} + INTERVAL ${CLAIM_MS / 1_000} SECOND)
ON DUPLICATE KEY UPDATE
  claim_id = IF(invite IS NULL AND claimed_until <= ${now}, VALUES(claim_id), claim_id),
  claimed_until = IF(invite IS NULL AND claimed_until <= ${now}, VALUES(claimed_until), claimed_until)`,
    settle: `
INSERT INTO ${table} (room_id, address_hash, claim_id, claimed_until, token, invite)
VALUES (?, ?, ?, ${now}, ?, ?)
ON DUPLICATE KEY UPDATE
  token = COALESCE(token, VALUES(token)), invite = COALESCE(invite, VALUES(invite))`,
    release: `DELETE FROM ${table} WHERE ${isKey} AND claim_id = ? AND invite IS NULL`,
    forget: `DELETE FROM ${table} WHERE ${isKey} AND token = ?`,
  };
}
