import type { CallContext } from '../../../src/ports/context.ts';
import type { AddressClaim, AddressKey } from '../../../src/ports/pending-address-invites.ts';
import type { StoredAddressInvite } from '../../../src/ports/third-party.ts';
import {
  type PendingRow,
  type PendingRows,
  ReferencePendingAddresses,
} from '../reference/pending-addresses.ts';
import { pause } from '../reference/storage.ts';

type Settle = [key: AddressKey, claimId: string, invite: StoredAddressInvite, context: CallContext];
type Settled = Promise<StoredAddressInvite>;

const inTime = (): CallContext => ({ signal: new AbortController().signal });

/** Looks for a claim, waits, then claims. */
export class ChecksThenClaims extends ReferencePendingAddresses {
  override async claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    const before = this.rows.get(this.nameOf(key));
    await pause();
    if (before === undefined) this.rows.delete(this.nameOf(key));
    return super.claimAddress(key, context);
  }
}

/** Remembers claims in each process. */
export class ClaimsInEachProcess extends ReferencePendingAddresses {
  constructor() {
    super(new Map());
  }
}

/** Looks for the address in any room. */
export class IgnoresTheRoom extends ReferencePendingAddresses {
  override nameOf({ addressHash }: AddressKey): string {
    return addressHash;
  }
}

/** Compares room IDs in a collation that ignores case. */
export class IgnoresCase extends ReferencePendingAddresses {
  override nameOf(key: AddressKey): string {
    return super.nameOf(key).toLowerCase();
  }
}

/** Never ends a claim. */
export class ClaimsForEver extends ReferencePendingAddresses {
  override async claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    const row = this.rows.get(this.nameOf(key));
    if (row !== undefined) row.hasEnded = false;
    return super.claimAddress(key, context);
  }
}

/** Has one claim ID for each process. */
export class ReusesClaimIds extends ReferencePendingAddresses {
  override newClaimId(): string {
    return 'this process';
  }
}

/** Replaces what was settled first. */
export class LastSettlerWins extends ReferencePendingAddresses {
  override async settleAddress(...[key, claimId, invite, context]: Settle): Settled {
    const row = this.rows.get(this.nameOf(key));
    if (row !== undefined) delete row.invite;
    return super.settleAddress(key, claimId, invite, context);
  }
}

/** Looks for an invite, waits, then stores its own. */
export class ChecksThenSettles extends ReferencePendingAddresses {
  override async settleAddress(...[key, claimId, invite, context]: Settle): Settled {
    context.signal.throwIfAborted();
    const stored = this.rows.get(this.nameOf(key))?.invite ?? this.copy(invite);
    await pause();
    this.rows.set(this.nameOf(key), { claimId, hasEnded: true, invite: stored });
    return this.copy(stored);
  }
}

/** Resolves to the caller's invite, whatever is stored. */
export class ReturnsTheCallersInvite extends ReferencePendingAddresses {
  override async settleAddress(...settle: Settle): Settled {
    await super.settleAddress(...settle);
    return settle[2];
  }
}

/** Updates the row of the claim, even if there is none any more. */
export class UpdatesTheClaimsRow extends ReferencePendingAddresses {
  override async settleAddress(...settle: Settle): Settled {
    const isThere = this.rows.has(this.nameOf(settle[0]));
    return isThere ? super.settleAddress(...settle) : settle[2];
  }
}

/** Stores one key. */
export class StoresOneKey extends ReferencePendingAddresses {
  override settleAddress(...[key, claimId, invite, context]: Settle): Settled {
    const publicKeys = invite.publicKeys.slice(0, 1);
    return super.settleAddress(key, claimId, { ...invite, publicKeys }, context);
  }
}

/** Stores tokens in a column of 64 characters, in a database that cuts what is longer. */
export class CutsTokens extends ReferencePendingAddresses {
  override settleAddress(...[key, claimId, invite, context]: Settle): Settled {
    return super.settleAddress(key, claimId, { ...invite, token: invite.token.slice(0, 64) }, context);
  }
}

/** Compares the first characters of tokens, for which it has an index. */
export class ComparesTheStartOfTokens extends ReferencePendingAddresses {
  override async forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    const stored = this.rows.get(this.nameOf(key))?.invite?.token;
    const isFound = stored !== undefined && stored.slice(0, 64) === token.slice(0, 64);
    return super.forgetAddress(key, isFound ? stored : token, context);
  }
}

/** Returns what it stores. */
export class ReturnsInternalObjects extends ReferencePendingAddresses {
  override copy(invite: StoredAddressInvite): StoredAddressInvite {
    return invite;
  }
}

/** Releases whatever claim there is. */
export class ReleasesAnyClaim extends ReferencePendingAddresses {
  override releaseAddress(key: AddressKey, _claimId: string, context: CallContext): Promise<void> {
    return super.releaseAddress(key, this.rows.get(this.nameOf(key))?.claimId ?? '', context);
  }
}

/** Deletes the row of a claim, with its invite. */
export class ReleasesWhatWasSettled extends ReferencePendingAddresses {
  override async releaseAddress(key: AddressKey, claimId: string): Promise<void> {
    if (this.rows.get(this.nameOf(key))?.claimId === claimId) this.rows.delete(this.nameOf(key));
  }
}

/** Forgets the invite of a key, whatever its token. */
export class ForgetsAnyToken extends ReferencePendingAddresses {
  override async forgetAddress(key: AddressKey): Promise<void> {
    if (this.rows.get(this.nameOf(key))?.invite !== undefined) this.rows.delete(this.nameOf(key));
  }
}

/** Deletes the row of a key, with its claim. */
export class ForgetsClaims extends ReferencePendingAddresses {
  override async forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    if (this.rows.get(this.nameOf(key))?.invite === undefined) this.rows.delete(this.nameOf(key));
    return super.forgetAddress(key, token, context);
  }
}

/** Claims for a call whose deadline has passed. */
export class ClaimsTooLate extends ReferencePendingAddresses {
  override claimAddress(key: AddressKey): Promise<AddressClaim> {
    return super.claimAddress(key, inTime());
  }
}

/** Settles for a call whose deadline has passed. */
export class SettlesTooLate extends ReferencePendingAddresses {
  override settleAddress(...[key, claimId, invite]: Settle): Settled {
    return super.settleAddress(key, claimId, invite, inTime());
  }
}

/** Releases for a call whose deadline has passed, and rejects. */
export class ReleasesTooLate extends ReferencePendingAddresses {
  override async releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void> {
    await super.releaseAddress(key, claimId, inTime());
    context.signal.throwIfAborted();
  }
}

/** Forgets for a call whose deadline has passed, and rejects. */
export class ForgetsTooLate extends ReferencePendingAddresses {
  override async forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    await super.forgetAddress(key, token, inTime());
    context.signal.throwIfAborted();
  }
}

/** A map whose deletions reach the disk later: a clone of it still has the rows. */
class DeletesLater extends Map<string, PendingRow> {
  readonly #deleted = new Set<string>();

  override get(name: string): PendingRow | undefined {
    return this.#deleted.has(name) ? undefined : super.get(name);
  }

  override set(name: string, row: PendingRow): this {
    this.#deleted.delete(name);
    return super.set(name, row);
  }

  override delete(name: string): boolean {
    this.#deleted.add(name);
    return this.has(name);
  }
}

/** Loses a deletion in a crash. */
export class LosesDeletionsInACrash extends ReferencePendingAddresses {
  constructor(rows: PendingRows = new DeletesLater()) {
    super(rows);
  }
}

/** Keeps claims in the memory of its process. */
export class LosesClaimsInACrash extends ReferencePendingAddresses {
  readonly #claims: PendingRows = new Map();

  override async claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    const name = this.nameOf(key);
    if (this.#claims.has(name)) return { outcome: 'inProgress' };
    const result = await super.claimAddress(key, context);
    const row = this.rows.get(name);
    if (result.outcome === 'claimed' && row !== undefined) {
      this.#claims.set(name, row);
      this.rows.delete(name);
    }
    return result;
  }

  override settleAddress(...settle: Settle): Settled {
    this.#claims.delete(this.nameOf(settle[0]));
    return super.settleAddress(...settle);
  }

  override async releaseAddress(key: AddressKey): Promise<void> {
    this.#claims.delete(this.nameOf(key));
  }
}
