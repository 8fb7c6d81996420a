import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { byKey, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

/** What an append must leave as it is. */
export const sideEffectCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'changes nothing in the other rooms of the users',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const [room, other] = [await CaseRoom.create(harness), await CaseRoom.create(harness)];
      const invitee = await room.stranger();
      await other.setMembership(invitee, 'ban');
      await other.setMembership(room.alice, 'join', room.alice);
      const keys = [CREATE_KEY, POWER_LEVELS_KEY, ...[other.alice, room.alice, invitee].map(memberKey)];
      const before = byKey((await other.read(keys)).events);
      checkSame((await room.invite(invitee, await room.basisFor(invitee))).outcome, 'appended', 'outcome');
      checkSame(byKey((await other.read(keys)).events), before, 'state of the other room');
    },
  }),
  storageCase({
    name: 'changes no other state of the room, such as the power level of an invitee who is back',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const levels = room.levels(0);
      await harness.setPowerLevels(room.id, { ...levels, users: { ...levels.users, [room.bob]: 50 } });
      await room.setMembership(room.bob, 'leave', room.bob);
      const keys = [CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.alice)];
      const before = byKey((await room.read(keys)).events);
      checkSame((await room.invite(room.bob, await room.basisFor(room.bob))).outcome, 'appended', 'outcome');
      checkSame(byKey((await room.read(keys)).events), before, 'other state of the room');
    },
  }),
];
