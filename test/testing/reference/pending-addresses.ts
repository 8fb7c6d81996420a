import { randomUUID } from 'node:crypto';
import type { CallContext } from '../../../src/ports/context.ts';
import type {
  AddressClaim,
  AddressKey,
  PendingAddressInvites,
} from '../../../src/ports/pending-address-invites.ts';
import type { StoredAddressInvite } from '../../../src/ports/third-party.ts';
import { pause } from './storage.ts';

export type PendingRow = { claimId: string; hasEnded: boolean; invite?: StoredAddressInvite };
export type PendingRows = Map<string, PendingRow>;

/** The smallest correct store of pending invites by address. */
export class ReferencePendingAddresses implements PendingAddressInvites {
  readonly rows: PendingRows;

  /** Two stores on one map are two instances on one database. */
  constructor(rows: PendingRows = new Map()) {
    this.rows = rows;
  }

  nameOf({ roomId, addressHash }: AddressKey): string {
    return JSON.stringify([roomId, addressHash]);
  }

  copy(invite: StoredAddressInvite): StoredAddressInvite {
    return structuredClone(invite);
  }

  newClaimId(): string {
    return randomUUID();
  }

  async claimAddress(key: AddressKey, { signal }: CallContext): Promise<AddressClaim> {
    signal.throwIfAborted();
    await pause();
    const row = this.rows.get(this.nameOf(key));
    if (row?.invite !== undefined) return { outcome: 'stored', invite: this.copy(row.invite) };
    if (row !== undefined && !row.hasEnded) return { outcome: 'inProgress' };
    const claimId = this.newClaimId();
    this.rows.set(this.nameOf(key), { claimId, hasEnded: false });
    return { outcome: 'claimed', claimId };
  }

  async settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    { signal }: CallContext,
  ): Promise<StoredAddressInvite> {
    signal.throwIfAborted();
    await pause();
    const stored = this.rows.get(this.nameOf(key))?.invite ?? this.copy(invite);
    this.rows.set(this.nameOf(key), { claimId, hasEnded: true, invite: stored });
    return this.copy(stored);
  }

  async releaseAddress(key: AddressKey, claimId: string, { signal }: CallContext): Promise<void> {
    signal.throwIfAborted();
    await pause();
    const row = this.rows.get(this.nameOf(key));
    if (row?.claimId === claimId && row.invite === undefined) this.rows.delete(this.nameOf(key));
  }

  async forgetAddress(key: AddressKey, token: string, { signal }: CallContext): Promise<void> {
    signal.throwIfAborted();
    await pause();
    if (this.rows.get(this.nameOf(key))?.invite?.token === token) this.rows.delete(this.nameOf(key));
  }
}
