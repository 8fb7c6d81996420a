import type { StateKey } from '../../rooms/event.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, tally } from './room.ts';

const INVITES = 300;

export const unrelatedChangeCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: `appends ${INVITES} parallel invites into one room, all on bases that were read before`,
    postcondition: 'appendEvent 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitees = await room.strangers(INVITES);
      const bases = await Promise.all(invitees.map((userId) => room.basisFor(userId)));
      const results = await Promise.all(
        bases.map((basis, index) => room.invite(invitees[index] ?? '', basis)),
      );
      checkSame(tally(results), { appended: INVITES, stale: 0, refused: 0 }, 'outcomes');
      const { events } = await room.read(invitees.map(memberKey));
      checkSame(events.length, INVITES, 'current memberships');
    },
  }),
  storageCase({
    name: `appends ${INVITES} parallel invites into one room, each on a basis read just before`,
    postcondition: 'appendEvent 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitees = await room.strangers(INVITES);
      const results = await Promise.all(
        invitees.map(async (userId) => room.invite(userId, await room.basisFor(userId))),
      );
      checkSame(tally(results), { appended: INVITES, stale: 0, refused: 0 }, 'outcomes');
    },
  }),
  storageCase({
    name: 'is not stale if other members of the room have changed',
    postcondition: 'appendEvent 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [invitee, other] = [await room.stranger(), await room.stranger()];
      const basis = await room.basisFor(invitee);
      await room.setMembership(other, 'join', other);
      await room.setMembership(room.bob, 'ban');
      checkSame((await room.invite(invitee, basis)).outcome, 'appended', 'outcome');
    },
  }),
  storageCase({
    name: 'is not stale if power levels that are not in the basis have changed',
    postcondition: 'appendEvent 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const basis = await room.read([memberKey(invitee)]);
      await room.setInviteLevel(50);
      checkSame((await room.invite(invitee, basis)).outcome, 'appended', 'outcome');
    },
  }),
  storageCase({
    name: 'is not stale if the same keys have changed in another room',
    postcondition: 'appendEvent 4',
    async run(harness) {
      const [room, other] = [await CaseRoom.create(harness), await CaseRoom.create(harness)];
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      await other.setMembership(invitee, 'join', invitee);
      await other.setInviteLevel(100);
      checkSame((await room.invite(invitee, basis)).outcome, 'appended', 'outcome');
    },
  }),
  storageCase({
    name: 'is not stale if keys have changed that share their type or state key with the basis',
    postcondition: 'appendEvent 4',
    requires: ['putState'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      const neighbors: StateKey[] = [
        { type: 'org.example.member', state_key: invitee },
        { type: 'm.room.power_levels', state_key: room.bob },
        { type: 'm.room.topic', state_key: '' },
        { type: 'm.room.member', state_key: '' },
      ];
      await Promise.all(neighbors.map((key) => harness.putState(room.event(key, { changed: true }))));
      checkSame((await room.invite(invitee, basis)).outcome, 'appended', 'outcome');
    },
  }),
  storageCase({
    name: 'appends while the rest of the room keeps changing',
    postcondition: 'appendEvent 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [invitees, noise] = [await room.strangers(30), await room.strangers(30)];
      const changes = noise.map((userId) => room.setMembership(userId, 'join', userId));
      const results = await Promise.all(
        invitees.map(async (userId) => room.invite(userId, await room.basisFor(userId))),
      );
      await Promise.all(changes);
      checkSame(tally(results), { appended: 30, stale: 0, refused: 0 }, 'outcomes');
      const { events } = await room.read([...invitees, ...noise].map(memberKey));
      checkSame(events.length, 60, 'current memberships');
    },
  }),
];
