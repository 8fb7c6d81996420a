import { memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { byKey, checkSame, checkUnavailable } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { newRoomId, range } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { checkOneWinner, raceRivals } from './races.ts';
import { CaseRoom, eventOf } from './room.ts';

export const instanceCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'shows an appended event to the next reader',
    postcondition: 'appendEvent 5',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await Promise.all(
        (await room.strangers(50)).map(async (invitee) => {
          const result = await room.invite(invitee, await room.basisFor(invitee));
          checkSame(result.outcome, 'appended', 'outcome');
          checkSame(await room.membershipOf(invitee), 'invite', 'membership right after the append');
        }),
      );
    },
  }),
  storageCase({
    name: 'shows an appended event in another instance immediately',
    postcondition: 'appendEvent 5',
    requires: ['secondInstance'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const second = await harness.secondInstance();
      const directions = [
        { writer: harness.adapter, reader: second },
        { writer: second, reader: harness.adapter },
      ];
      for (const { writer, reader } of directions) {
        for (const invitee of await room.strangers(10)) {
          checkSame(await room.membershipOf(invitee, reader), undefined, 'membership before the append');
          const basis = await room.basisFor(invitee, writer);
          checkSame((await room.invite(invitee, basis, { adapter: writer })).outcome, 'appended', 'outcome');
          checkSame(await room.membershipOf(invitee, reader), 'invite', 'membership in the other instance');
        }
      }
    },
  }),
  storageCase({
    name: 'shows in another instance what has replaced an event that it has read',
    postcondition: 'appendEvent 5',
    requires: ['secondInstance'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const second = await harness.secondInstance();
      const seen = async () => {
        const snapshot = await room.read([POWER_LEVELS_KEY, memberKey(room.bob)], second);
        const levels = eventOf(snapshot, POWER_LEVELS_KEY)?.content;
        return [levels?.invite, eventOf(snapshot, memberKey(room.bob))?.content.membership];
      };
      checkSame(await seen(), [0, 'join'], 'invite level and membership at first');
      await room.setMembership(room.bob, 'ban');
      checkSame(await seen(), [0, 'ban'], 'invite level and membership after a ban');
      await room.setInviteLevel(50);
      checkSame(await seen(), [50, 'ban'], 'invite level and membership after new power levels');
      checkSame((await room.invite(room.bob, await room.basisFor(room.bob))).outcome, 'appended', 'outcome');
      checkSame(await seen(), [50, 'invite'], 'invite level and membership after an append');
    },
  }),
  storageCase({
    name: 'finds a room that another instance created after it was not found',
    postcondition: 'appendEvent 5',
    requires: ['secondInstance'],
    async run(harness) {
      const second = await harness.secondInstance();
      const roomId = newRoomId();
      checkSame(
        await second.readState(roomId, [], deadlineContext()),
        undefined,
        'room before it is created',
      );
      const room = await CaseRoom.create(harness, { roomId });
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee, second);
      checkSame((await room.invite(invitee, basis, { adapter: second })).outcome, 'appended', 'outcome');
    },
  }),
  storageCase({
    name: 'is stale if another instance has appended to the key',
    postcondition: 'appendEvent 2',
    requires: ['secondInstance'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const second = await harness.secondInstance();
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      await room.invite(invitee, await room.basisFor(invitee, second), { adapter: second });
      checkSame((await room.invite(invitee, basis)).outcome, 'stale', 'outcome');
    },
  }),
  storageCase({
    name: 'appends exactly one of the invites of one user that race across two instances',
    postcondition: 'appendEvent 3',
    requires: ['secondInstance'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const adapters = [harness.adapter, await harness.secondInstance()];
      for (const invitee of await room.strangers(4)) {
        const racers = await Promise.all(
          range(32).map(async (racer) => {
            const adapter = adapters[racer % 2];
            return { adapter, basis: await room.basisFor(invitee, adapter) };
          }),
        );
        const results = await Promise.all(
          racers.map(({ adapter, basis }, racer) =>
            room.invite(invitee, basis, { adapter, reason: `racer ${racer}` }),
          ),
        );
        await checkOneWinner(room, invitee, results);
      }
    },
  }),
  storageCase({
    name: 'appends exactly one of rival invites that race across two instances',
    postcondition: 'appendEvent 1',
    requires: ['secondInstance'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const second = await harness.secondInstance();
      for (const _ of range(6)) await raceRivals(room, [harness.adapter, second]);
    },
  }),
  storageCase({
    name: 'keeps every appended event through a crash',
    postcondition: 'appendEvent 5',
    requires: ['crash'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitees = await room.strangers(20);
      // An invite that replaces an event is another statement in many stores.
      for (const banned of invitees.slice(0, 10)) await room.setMembership(banned, 'ban');
      await Promise.all(
        invitees.map(async (userId) =>
          room.invite(userId, await room.basisFor(userId), { reason: `for ${userId}` }),
        ),
      );
      const keys = invitees.map(memberKey);
      const before = byKey((await room.read(keys)).events);
      checkSame(before.length, invitees.length, 'invites before the crash');
      const survivor = await harness.crash();
      checkSame(byKey((await room.read(keys, survivor)).events), before, 'invites after the crash');
    },
  }),
  storageCase({
    name: 'rejects with a StorageUnavailableError if the store cannot be reached',
    postcondition: 'appendEvent 6',
    requires: ['unreachable'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      const broken = await harness.unreachable();
      await checkUnavailable(room.invite(invitee, basis, { adapter: broken }));
      await checkUnavailable(broken.readState(room.id, basis.keys, deadlineContext()));
    },
  }),
];
