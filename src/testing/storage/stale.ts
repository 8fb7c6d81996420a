import type { StateKey } from '../../rooms/event.ts';
import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

/** Checks that an invite on a basis from before the change is stale and leaves no trace. */
async function checkStale(
  room: CaseRoom,
  invitee: string,
  change: () => Promise<unknown>,
  more: readonly StateKey[] = [],
): Promise<void> {
  const target = memberKey(invitee);
  const basis = await room.read([CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.alice), target, ...more]);
  await change();
  const before = await room.current(target);
  const result = await room.invite(invitee, basis, { reason: 'too late' });
  checkSame(result.outcome, 'stale', 'outcome on the stale basis');
  checkSame(await room.current(target), before, "the invitee's event after the stale append");
  const again = await room.read([CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.alice), target, ...more]);
  checkSame((await room.invite(invitee, again)).outcome, 'appended', 'outcome on a fresh basis');
}

const changesOfBasis: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'is stale if the target was absent and now exists',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      await checkStale(room, invitee, () => room.setMembership(invitee, 'join', invitee));
    },
  }),
  storageCase({
    name: 'is stale if another key was absent and now exists',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [invitee, other] = [await room.stranger(), await room.stranger()];
      const join = () => room.setMembership(other, 'join', other);
      await checkStale(room, invitee, join, [memberKey(other)]);
    },
  }),
  storageCase({
    name: 'is stale if the invitee has been banned',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await checkStale(room, room.bob, () => room.setMembership(room.bob, 'ban'));
    },
  }),
  storageCase({
    name: 'is stale if the inviter has been banned',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await checkStale(room, await room.stranger(), () => room.setMembership(room.alice, 'ban', room.bob));
    },
  }),
  storageCase({
    name: 'is stale if the inviter has left',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const leave = () => room.setMembership(room.alice, 'leave', room.alice);
      await checkStale(room, await room.stranger(), leave);
    },
  }),
  storageCase({
    name: 'is stale if the power levels have changed',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await checkStale(room, await room.stranger(), () => room.setInviteLevel(100));
    },
  }),
  storageCase({
    name: 'is stale if another append came first',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const first = await room.basisFor(invitee);
      await checkStale(room, invitee, () => room.invite(invitee, first, { reason: 'first' }));
    },
  }),
  storageCase({
    name: 'is stale if another sender has set the same content',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [banned, invitee] = [await room.stranger(), await room.stranger()];
      await room.setMembership(banned, 'ban', room.alice);
      const banAgain = () => room.setMembership(banned, 'ban', room.bob);
      await checkStale(room, invitee, banAgain, [memberKey(banned)]);
    },
  }),
];

const changesOfMany: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'is stale if any one of 120 keys in the basis has changed',
    postcondition: 'appendEvent 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const others = await room.strangers(120);
      const keys = others.map(memberKey);
      for (const other of [others[0], others[30], others[119]]) {
        const changed = other ?? room.bob;
        await checkStale(room, await room.stranger(), () => room.setMembership(changed, 'ban'), keys);
      }
    },
  }),
];

const changesOfEvent: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'is stale if another event has replaced one with the same content',
    postcondition: 'appendEvent 2',
    requires: ['eventIds'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await room.setMembership(room.bob, 'ban');
      await checkStale(room, room.bob, () => room.setMembership(room.bob, 'ban'));
      await checkStale(room, await room.stranger(), () => room.setInviteLevel(0));
    },
  }),
  storageCase({
    name: 'is stale if a key has changed and changed back',
    postcondition: 'appendEvent 2',
    requires: ['eventIds'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await checkStale(room, await room.stranger(), async () => {
        await room.setInviteLevel(100);
        await room.setInviteLevel(0);
      });
    },
  }),
  storageCase({
    name: 'is stale if state of any other type in the basis has been added or changed',
    postcondition: 'appendEvent 2',
    requires: ['putState'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const rule: StateKey = { type: 'm.policy.rule.user', state_key: '*:example.com' };
      for (const recommendation of ['m.ban', 'm.none']) {
        const change = () => harness.putState(room.event(rule, { recommendation }));
        await checkStale(room, await room.stranger(), change, [rule]);
      }
    },
  }),
];

export const staleCases: readonly ContractCase<StorageHarness>[] = [
  ...changesOfBasis,
  ...changesOfMany,
  ...changesOfEvent,
];
