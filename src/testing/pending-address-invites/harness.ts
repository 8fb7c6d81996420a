import { randomBytes } from 'node:crypto';
import type { AddressClaim, AddressKey, PendingAddressInvites } from '../../ports/pending-address-invites.ts';
import type { StoredAddressInvite } from '../../ports/third-party.ts';
import { MAX_DISPLAY_NAME_LENGTH, MAX_KEYS } from '../../rooms/address-invite.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import { caseMaker, type DefineCase } from '../contract.ts';
import { newRoomId, range } from '../random.ts';

/** The view that the contract has of a store of pending invites by address. */
export type PendingAddressInvitesHarness = {
  readonly pending: PendingAddressInvites;
  /** Returns another adapter on the same store, like one in another process. */
  secondInstance?(): Promise<PendingAddressInvites>;
  /** Ends the time of every claim in the store, as 60 seconds would. */
  endClaims?(): Promise<void>;
  /** Crashes the store or its process, and returns an adapter on what is left of it. */
  crash?(): Promise<PendingAddressInvites>;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the contract. */
export const pendingCase: DefineCase<PendingAddressInvitesHarness> = caseMaker();

/** Returns a key that no other case uses. */
export function newKey(): AddressKey {
  return { roomId: newRoomId(), addressHash: newHash() };
}

export function newHash(): string {
  return randomBytes(32).toString('hex');
}

/** Returns an invite that no other case uses, with as much in it as one can have. */
export function newInvite(): StoredAddressInvite {
  const publicKey = randomBytes(32).toString('base64').replace('=', '');
  return {
    token: `${randomBytes(16).toString('base64url')}.=_-`,
    displayName: 'a…@e… 🎉 "quoted" \\ \u0000',
    publicKeys: [{ publicKey, keyValidityUrl: 'https://id.example.org/isvalid?a=1&b=%2B' }, { publicKey }],
  };
}

/** Returns an invite whose parts are as long as they can be. */
export function largestInvite(): StoredAddressInvite {
  const start = 'https://id.example.org/isvalid?';
  const publicKeys = range(MAX_KEYS).map((index) => ({
    publicKey: randomBytes(32).toString('base64').replace('=', ''),
    keyValidityUrl: `${start}${index}`.padEnd(2_048, 'u'),
  }));
  return {
    token: randomBytes(16).toString('hex').padEnd(255, 'x'),
    displayName: '💬'.repeat(MAX_DISPLAY_NAME_LENGTH),
    publicKeys,
  };
}

export function claim(pending: PendingAddressInvites, key: AddressKey): Promise<AddressClaim> {
  return pending.claimAddress(key, deadlineContext());
}

/** Makes a claim that must succeed, and returns its ID. */
export async function claimed(pending: PendingAddressInvites, key: AddressKey): Promise<string> {
  const result = await claim(pending, key);
  check(result.outcome === 'claimed', `claimAddress resolved ${result.outcome} although nobody had a claim`);
  return result.claimId;
}

/** Checks that somebody else has the claim of a key. */
export async function checkInProgress(
  pending: PendingAddressInvites,
  key: AddressKey,
  what: string,
): Promise<void> {
  checkSame((await claim(pending, key)).outcome, 'inProgress', what);
}

export function settle(
  pending: PendingAddressInvites,
  key: AddressKey,
  claimId: string,
  invite: StoredAddressInvite,
): Promise<StoredAddressInvite> {
  return pending.settleAddress(key, claimId, invite, deadlineContext());
}

/** Claims and settles an invite, and returns the invite. */
export async function settled(pending: PendingAddressInvites, key: AddressKey): Promise<StoredAddressInvite> {
  const invite = newInvite();
  await settle(pending, key, await claimed(pending, key), invite);
  return invite;
}
