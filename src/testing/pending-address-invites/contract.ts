import type { StoredAddressInvite } from '../../ports/third-party.ts';
import { check, checkSame, tamper } from '../check.ts';
import { abortedContext, deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range, wander } from '../random.ts';
import {
  checkInProgress,
  claim,
  claimed,
  largestInvite,
  newHash,
  newInvite,
  newKey,
  type PendingAddressInvitesHarness,
  pendingCase,
  settle,
  settled,
} from './harness.ts';

/** The cases that every store of pending invites by address must pass: the promises of `PendingAddressInvites`. */
export const pendingAddressInvitesContract: readonly ContractCase<PendingAddressInvitesHarness>[] = [
  pendingCase({
    name: 'gives an address to the first who claims it',
    postcondition: 'claimAddress 1',
    async run({ pending }) {
      const key = newKey();
      await claimed(pending, key);
      await checkInProgress(pending, key, 'second claim');
    },
  }),
  pendingCase({
    name: 'claims each address in each room on its own',
    postcondition: 'claimAddress 1',
    async run({ pending }) {
      const key = newKey();
      const { roomId, addressHash } = key;
      const upper = addressHash.toUpperCase();
      const near = [
        { roomId, addressHash: newHash() },
        { roomId: `${roomId} `, addressHash },
        { roomId: roomId.toUpperCase(), addressHash },
        { roomId: `${roomId}\u0000`, addressHash },
        ...(upper === addressHash ? [] : [{ roomId, addressHash: upper }]),
      ];
      await settled(pending, key);
      for (const other of near) await claimed(pending, other);
      for (const other of near) await checkInProgress(pending, other, 'claim of a near key');
    },
  }),
  pendingCase({
    name: 'gives an address to exactly one of many who claim it at once',
    postcondition: 'claimAddress 1',
    async run(harness) {
      const { pending } = harness;
      const second = (await harness.secondInstance?.()) ?? pending;
      for (const _ of range(5)) {
        const key = newKey();
        const results = await Promise.all(
          range(20).map(async (index) => {
            await wander();
            return claim(index % 2 === 0 ? pending : second, key);
          }),
        );
        const outcomes = results.map(({ outcome }) => outcome).sort();
        checkSame(outcomes, ['claimed', ...range(19).map(() => 'inProgress')], 'outcomes of racing claims');
      }
    },
  }),
  pendingCase({
    name: 'gives the address of a claim that has ended to exactly one other',
    postcondition: 'claimAddress 1',
    requires: ['endClaims'],
    async run({ pending, endClaims }) {
      const key = newKey();
      const first = await claimed(pending, key);
      await endClaims();
      const results = await Promise.all(range(10).map(() => claim(pending, key)));
      const ids = results.flatMap((result) => (result.outcome === 'claimed' ? [result.claimId] : []));
      checkSame(ids.length, 1, 'number of claims after the first has ended');
      check(ids[0] !== first, 'a later claim has the ID of an earlier one');
    },
  }),
  pendingCase({
    name: 'says how long a claim still lasts, or nothing',
    postcondition: 'claimAddress 1',
    async run({ pending }) {
      const key = newKey();
      const before = Date.now();
      await claimed(pending, key);
      const result = await claim(pending, key);
      check(result.outcome === 'inProgress', `second claim is ${result.outcome}`);
      const { remainingMs } = result;
      if (remainingMs === undefined) return;
      const passedMs = Date.now() - before;
      check(
        remainingMs <= 60_000 && remainingMs >= 60_000 - passedMs - 1_000,
        `remainingMs is ${remainingMs}, ${passedMs} ms after a claim that lasts 60000 ms`,
      );
    },
  }),
  pendingCase({
    name: 'shows a settled invite to everybody, whole',
    postcondition: 'claimAddress 2',
    async run(harness) {
      const { pending } = harness;
      const key = newKey();
      const invite = newInvite();
      checkSame(await settle(pending, key, await claimed(pending, key), invite), invite, 'settled invite');
      for (const each of [pending, (await harness.secondInstance?.()) ?? pending])
        checkSame(await claim(each, key), { outcome: 'stored', invite }, 'claim of a settled address');
    },
  }),
  pendingCase({
    name: 'shows the largest invite whole, and forgets it',
    postcondition: 'claimAddress 2',
    async run({ pending }) {
      const key = newKey();
      const invite = largestInvite();
      checkSame(await settle(pending, key, await claimed(pending, key), invite), invite, 'settled invite');
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'claim of a settled address');
      const nearToken = `${invite.token.slice(0, -1)}y`;
      await pending.forgetAddress(key, nearToken, deadlineContext());
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'invite with a near token');
      await pending.forgetAddress(key, invite.token, deadlineContext());
      await claimed(pending, key);
    },
  }),
  pendingCase({
    name: 'still shows a settled invite after the time of its claim',
    postcondition: 'claimAddress 2',
    requires: ['endClaims'],
    async run({ pending, endClaims }) {
      const key = newKey();
      const invite = await settled(pending, key);
      await endClaims();
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'claim of a settled address');
    },
  }),
  pendingCase({
    name: 'shares nothing mutable',
    postcondition: 'claimAddress 2',
    async run({ pending }) {
      const key = newKey();
      const invite = newInvite();
      const expected = structuredClone(invite);
      const stored = await settle(pending, key, await claimed(pending, key), invite);
      const seen = await claim(pending, key);
      check(seen.outcome === 'stored', `claimAddress resolved ${seen.outcome} after settleAddress`);
      for (const each of [invite, stored, seen.invite]) tamper(() => rename(each));
      checkSame(await claim(pending, key), { outcome: 'stored', invite: expected }, 'stored invite');
    },
  }),
  pendingCase({
    name: 'keeps claims and invites in a crash',
    postcondition: 'claimAddress 3',
    requires: ['crash'],
    async run({ pending, crash }) {
      const [claimedKey, settledKey, forgottenKey, releasedKey] = [newKey(), newKey(), newKey(), newKey()];
      const invite = await settled(pending, settledKey);
      await claimed(pending, claimedKey);
      const { token } = await settled(pending, forgottenKey);
      await pending.forgetAddress(forgottenKey, token, deadlineContext());
      await pending.releaseAddress(releasedKey, await claimed(pending, releasedKey), deadlineContext());
      const survivor = await crash();
      await checkInProgress(survivor, claimedKey, 'claim from before the crash');
      checkSame(
        await claim(survivor, settledKey),
        { outcome: 'stored', invite },
        'invite from before the crash',
      );
      for (const key of [forgottenKey, releasedKey]) await claimed(survivor, key);
    },
  }),
  pendingCase({
    name: 'keeps the invite that was settled first',
    postcondition: 'settleAddress 4',
    requires: ['endClaims'],
    async run({ pending, endClaims }) {
      const key = newKey();
      const late = await claimed(pending, key);
      await endClaims();
      const invite = newInvite();
      await settle(pending, key, await claimed(pending, key), invite);
      checkSame(await settle(pending, key, late, newInvite()), invite, 'result of the late settleAddress');
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'stored invite');
    },
  }),
  pendingCase({
    name: 'settles a claim that has ended, if no other was settled',
    postcondition: 'settleAddress 4',
    requires: ['endClaims'],
    async run({ pending, endClaims }) {
      const key = newKey();
      const late = await claimed(pending, key);
      await endClaims();
      const other = await claimed(pending, key);
      const invite = newInvite();
      checkSame(await settle(pending, key, late, invite), invite, 'result of the late settleAddress');
      checkSame(await settle(pending, key, other, newInvite()), invite, 'result of the later settleAddress');
    },
  }),
  pendingCase({
    name: 'settles a claim that was released',
    postcondition: 'settleAddress 4',
    async run({ pending }) {
      const key = newKey();
      const claimId = await claimed(pending, key);
      await pending.releaseAddress(key, claimId, deadlineContext());
      const invite = newInvite();
      checkSame(await settle(pending, key, claimId, invite), invite, 'result of the settleAddress');
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'stored invite');
    },
  }),
  pendingCase({
    name: 'resolves racing settleAddress calls to one invite',
    postcondition: 'settleAddress 4',
    requires: ['endClaims'],
    async run(harness) {
      const { pending, endClaims } = harness;
      const second = (await harness.secondInstance?.()) ?? pending;
      for (const _ of range(5)) {
        const key = newKey();
        const claims = [];
        for (const __ of range(8)) {
          claims.push(await claimed(pending, key));
          await endClaims();
        }
        const results = await Promise.all(
          claims.map(async (claimId, index) => {
            await wander();
            return settle(index % 2 === 0 ? pending : second, key, claimId, newInvite());
          }),
        );
        for (const invite of results) checkSame(invite, results[0], 'result of a racing settleAddress');
        checkSame(await claim(pending, key), { outcome: 'stored', invite: results[0] }, 'stored invite');
      }
    },
  }),
  pendingCase({
    name: 'settles twice as once',
    postcondition: 'settleAddress 5',
    async run({ pending }) {
      const key = newKey();
      const claimId = await claimed(pending, key);
      const invite = newInvite();
      for (const time of ['first', 'second'])
        checkSame(await settle(pending, key, claimId, invite), invite, `result of the ${time} settleAddress`);
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'stored invite');
    },
  }),
  pendingCase({
    name: 'gives a released address to the next',
    postcondition: 'releaseAddress 6',
    async run({ pending }) {
      const key = newKey();
      const first = await claimed(pending, key);
      await pending.releaseAddress(key, first, deadlineContext());
      await claimed(pending, key);
      await pending.releaseAddress(key, first, deadlineContext());
      await checkInProgress(pending, key, 'claim after an old one was released');
    },
  }),
  pendingCase({
    name: 'does not release what was settled',
    postcondition: 'releaseAddress 6',
    async run({ pending }) {
      const key = newKey();
      const claimId = await claimed(pending, key);
      const invite = newInvite();
      await settle(pending, key, claimId, invite);
      await pending.releaseAddress(key, claimId, deadlineContext());
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'stored invite');
    },
  }),
  pendingCase({
    name: 'forgets an invite by its token, and no other',
    postcondition: 'forgetAddress 7',
    async run({ pending }) {
      const [key, otherKey] = [newKey(), newKey()];
      const [invite, other] = [await settled(pending, key), await settled(pending, otherKey)];
      for (const token of [other.token, invite.token.toUpperCase(), ''])
        if (token !== invite.token) await pending.forgetAddress(key, token, deadlineContext());
      checkSame(await claim(pending, key), { outcome: 'stored', invite }, 'invite with another token');
      await pending.forgetAddress(key, invite.token, deadlineContext());
      await claimed(pending, key);
      checkSame(
        await claim(pending, otherKey),
        { outcome: 'stored', invite: other },
        'invite of another key',
      );
    },
  }),
  pendingCase({
    name: 'does not end a claim when it forgets an invite',
    postcondition: 'forgetAddress 7',
    async run({ pending }) {
      const key = newKey();
      const { token } = await settled(pending, key);
      await pending.forgetAddress(key, token, deadlineContext());
      await claimed(pending, key);
      await pending.forgetAddress(key, token, deadlineContext());
      await checkInProgress(pending, key, 'claim after a second forgetAddress');
    },
  }),
  pendingCase({
    name: 'claims nothing for a call whose time is over',
    postcondition: 'aborted call',
    async run({ pending }) {
      const key = newKey();
      const result = await pending.claimAddress(key, abortedContext()).then(
        () => 'resolved',
        () => 'rejected',
      );
      checkSame(result, 'rejected', 'an aborted claimAddress');
      await claimed(pending, key);
    },
  }),
  pendingCase({
    name: 'settles, releases and forgets nothing for a call whose time is over',
    postcondition: 'aborted call',
    async run({ pending }) {
      const [key, settledKey] = [newKey(), newKey()];
      const claimId = await claimed(pending, key);
      const invite = await settled(pending, settledKey);
      const calls = await Promise.allSettled([
        pending.settleAddress(key, claimId, newInvite(), abortedContext()),
        pending.releaseAddress(key, claimId, abortedContext()),
        pending.forgetAddress(settledKey, invite.token, abortedContext()),
      ]);
      checkSame(
        calls.map(({ status }) => status),
        ['rejected', 'rejected', 'rejected'],
        'aborted settleAddress, releaseAddress and forgetAddress',
      );
      await checkInProgress(pending, key, 'claim after the aborted calls');
      checkSame(await claim(pending, settledKey), { outcome: 'stored', invite }, 'invite after them');
    },
  }),
];

function rename(invite: StoredAddressInvite): void {
  Object.assign(invite, { displayName: 'Mallory' });
  Object.assign(invite.publicKeys[0] ?? {}, { publicKey: 'changed' });
}
