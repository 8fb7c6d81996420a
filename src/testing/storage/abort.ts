import { memberKey } from '../../rooms/room-state.ts';
import { check, checkSame } from '../check.ts';
import { abortedContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { wander } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

export const abortCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'writes nothing if its signal is already aborted',
    postcondition: 'appendEvent signal',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      const outcome = await harness.adapter
        .appendEvent(room.inviteEvent(invitee), basis, abortedContext())
        .then(({ outcome }) => outcome)
        .catch(() => 'rejected');
      checkSame(
        await room.current(memberKey(invitee)),
        undefined,
        `current event after an append (${outcome})`,
      );
    },
  }),
  storageCase({
    name: 'rejects if its signal is already aborted, whether the basis still holds or not',
    postcondition: 'appendEvent signal',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      const outcome = () =>
        harness.adapter.appendEvent(room.inviteEvent(invitee), basis, abortedContext()).then(
          (result) => result.outcome,
          () => 'rejected',
        );
      checkSame(await outcome(), 'rejected', 'outcome on a basis that holds');
      await room.setInviteLevel(100);
      checkSame(await outcome(), 'rejected', 'outcome on a stale basis');
    },
  }),
  storageCase({
    name: 'resolves the true outcome if it is aborted midway, and later calls still work',
    postcondition: 'appendEvent signal',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await Promise.all(
        (await room.strangers(24)).map(async (invitee) => {
          const basis = await room.basisFor(invitee);
          const deadline = new AbortController();
          const appending = harness.adapter
            .appendEvent(room.inviteEvent(invitee), basis, { signal: deadline.signal })
            .then(({ outcome }) => outcome)
            .catch(() => 'rejected');
          await wander();
          deadline.abort();
          const outcome = await appending;
          check(outcome !== 'stale', 'an append on a basis that holds resolved stale');
          if (outcome !== 'appended') return;
          checkSame(await room.membershipOf(invitee), 'invite', 'membership after the append');
        }),
      );
      for (const invitee of await room.strangers(12)) {
        checkSame(
          (await room.invite(invitee, await room.basisFor(invitee))).outcome,
          'appended',
          'later append',
        );
      }
    },
  }),
];
