import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { during } from '../during.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

/** More than a pool has connections. */
const REFUSALS = 60;

export const appendEventCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'appends an event and makes it current',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const result = await room.invite(invitee, await room.basisFor(invitee), { reason: 'come in' });
      checkSame(result.outcome, 'appended', 'outcome');
      const stored = await room.current(memberKey(invitee));
      checkSame(stored?.content, { membership: 'invite', reason: 'come in' }, 'content of the current event');
      checkSame(stored?.sender, room.alice, 'sender of the current event');
    },
  }),
  storageCase({
    name: 'resolves the event ID that readState returns',
    postcondition: 'appendEvent 1',
    requires: ['eventIds'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const result = await room.invite(invitee, await room.basisFor(invitee));
      const eventId = result.outcome === 'appended' ? result.eventId : result.outcome;
      checkSame((await room.current(memberKey(invitee)))?.event_id, eventId, 'event_id of the current event');
    },
  }),
  storageCase({
    name: 'replaces the event in the basis',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await room.setMembership(room.bob, 'ban');
      const basis = await room.basisFor(room.bob);
      checkSame((await room.invite(room.bob, basis)).outcome, 'appended', 'outcome');
      checkSame(await room.membershipOf(room.bob), 'invite', "bob's membership");
    },
  }),
  storageCase({
    name: 'invites a user who has left',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await room.setMembership(room.bob, 'leave', room.bob);
      const basis = await room.basisFor(room.bob);
      checkSame((await room.invite(room.bob, basis)).outcome, 'appended', 'outcome');
      checkSame(await room.membershipOf(room.bob), 'invite', "bob's membership");
    },
  }),
  storageCase({
    name: 'accepts a basis with its keys in any order, and with other members',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [invitee, other] = [await room.stranger(), await room.stranger()];
      const keys = [memberKey(other), memberKey(invitee), POWER_LEVELS_KEY, memberKey(room.bob), CREATE_KEY];
      checkSame((await room.invite(invitee, await room.read(keys))).outcome, 'appended', 'outcome');
      checkSame(await room.membershipOf(other), undefined, "the other's membership");
      checkSame(await room.membershipOf(room.bob), 'join', "bob's membership");
    },
  }),
  storageCase({
    name: 'appends several times to one key, each time on a fresh basis',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      for (const reason of ['first', 'second', 'third']) {
        const result = await room.invite(invitee, await room.basisFor(invitee), { reason });
        checkSame(result.outcome, 'appended', `outcome of the ${reason}`);
        checkSame((await room.current(memberKey(invitee)))?.content.reason, reason, 'current reason');
      }
    },
  }),
  storageCase({
    name: 'replaces an event that is equal to the appended one',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      for (const round of ['first', 'second', 'third']) {
        const result = await room.invite(invitee, await room.basisFor(invitee), { reason: 'the same' });
        checkSame(result.outcome, 'appended', `outcome of the ${round}`);
      }
    },
  }),
  storageCase({
    name: 'stores the sender of the event, whoever created the room',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const event = room.event(memberKey(invitee), { membership: 'invite' }, room.bob);
      const basis = await room.read([CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.bob), memberKey(invitee)]);
      checkSame((await room.append(event, basis)).outcome, 'appended', 'outcome');
      checkSame((await room.current(memberKey(invitee)))?.sender, room.bob, 'sender of the current event');
    },
  }),
  storageCase({
    name: 'makes an event current whatever its timestamp is',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await room.setMembership(room.bob, 'leave', room.bob);
      for (const origin_server_ts of [1_000, Date.now() + 3_600_000, 2_000]) {
        const event = {
          ...room.inviteEvent(room.bob, { reason: `at ${origin_server_ts}` }),
          origin_server_ts,
        };
        checkSame((await room.append(event, await room.basisFor(room.bob))).outcome, 'appended', 'outcome');
        const current = await room.current(memberKey(room.bob));
        checkSame(current?.content, event.content, 'content of the current event');
      }
    },
  }),
  storageCase({
    name: 'never shows an event that it refuses, not even for a moment',
    postcondition: 'appendEvent 7',
    requires: ['refusedContent'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const invitee of await room.strangers(5)) {
        const event = room.event(memberKey(invitee), harness.refusedContent);
        const observe = async () =>
          checkSame(await room.current(memberKey(invitee)), undefined, 'event while it is refused');
        await during(room.append(event, await room.basisFor(invitee)), observe, 2);
      }
    },
  }),
  storageCase({
    name: 'still appends after many events that it has refused',
    postcondition: 'appendEvent 7',
    requires: ['refusedContent'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitees = await room.strangers(REFUSALS);
      const outcomes = await Promise.all(
        invitees.map(async (invitee) => {
          const event = room.event(memberKey(invitee), harness.refusedContent);
          return (await room.append(event, await room.basisFor(invitee))).outcome;
        }),
      );
      checkSame([...new Set(outcomes)], ['refused'], 'outcomes');
      const invitee = await room.stranger();
      checkSame(
        (await room.invite(invitee, await room.basisFor(invitee))).outcome,
        'appended',
        'later append',
      );
    },
  }),
  storageCase({
    name: 'resolves refused with an error, and stores nothing, if the store refuses',
    postcondition: 'appendEvent 7',
    requires: ['refusedContent'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const event = room.event(memberKey(invitee), harness.refusedContent);
      const result = await room.append(event, await room.basisFor(invitee));
      checkSame(result.outcome, 'refused', 'outcome');
      checkSame(result.outcome === 'refused' && result.error.code, 'ERR_MATRIX', 'code of the error');
      checkSame(await room.current(memberKey(invitee)), undefined, 'current event');
    },
  }),
];
