import { describe } from 'vitest';
import { pendingAddressInvitesContract } from '../../src/testing/pending-address-invites/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as faulty from './faulty/pending-addresses.ts';
import { pendingAddressesHarness } from './reference/harnesses.ts';
import type { ReferencePendingAddresses } from './reference/pending-addresses.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferencePendingAddresses>[] = [
  fault(faulty.ChecksThenClaims, 'claimAddress 1', 'gives an address to exactly one of many'),
  fault(faulty.ClaimsInEachProcess, 'claimAddress 1', 'gives an address to exactly one of many'),
  fault(faulty.IgnoresTheRoom, 'claimAddress 1', 'claims each address in each room'),
  fault(faulty.IgnoresCase, 'claimAddress 1', 'claims each address in each room'),
  fault(faulty.ClaimsForEver, 'claimAddress 1', 'gives the address of a claim that has ended'),
  fault(faulty.ReusesClaimIds, 'claimAddress 1', 'gives the address of a claim that has ended'),
  fault(faulty.StoresOneKey, 'claimAddress 2', 'shows a settled invite to everybody'),
  fault(faulty.ReturnsInternalObjects, 'claimAddress 2', 'shares nothing mutable'),
  fault(faulty.CutsTokens, 'claimAddress 2', 'shows the largest invite'),
  fault(faulty.ComparesTheStartOfTokens, 'claimAddress 2', 'shows the largest invite'),
  fault(faulty.LosesClaimsInACrash, 'claimAddress 3', 'keeps claims and invites in a crash'),
  fault(faulty.LosesDeletionsInACrash, 'claimAddress 3', 'keeps claims and invites in a crash'),
  fault(faulty.LastSettlerWins, 'settleAddress 4', 'keeps the invite that was settled first'),
  fault(faulty.ReturnsTheCallersInvite, 'settleAddress 4', 'keeps the invite that was settled first'),
  fault(faulty.ChecksThenSettles, 'settleAddress 4', 'resolves racing settleAddress calls'),
  fault(faulty.UpdatesTheClaimsRow, 'settleAddress 4', 'settles a claim that was released'),
  fault(faulty.ReleasesAnyClaim, 'releaseAddress 6', 'gives a released address to the next'),
  fault(faulty.ReleasesWhatWasSettled, 'releaseAddress 6', 'does not release what was settled'),
  fault(faulty.ForgetsAnyToken, 'forgetAddress 7', 'forgets an invite by its token'),
  fault(faulty.ForgetsClaims, 'forgetAddress 7', 'does not end a claim'),
  fault(faulty.ClaimsTooLate, 'aborted call', 'claims nothing for a call'),
  fault(faulty.SettlesTooLate, 'aborted call', 'settles, releases and forgets nothing'),
  fault(faulty.ReleasesTooLate, 'aborted call', 'settles, releases and forgets nothing'),
  fault(faulty.ForgetsTooLate, 'aborted call', 'settles, releases and forgets nothing'),
];

describe('the contract of pending invites by address', () => {
  itCatches(FAULTS, pendingAddressInvitesContract, async (Pending) => pendingAddressesHarness(Pending));
});
