import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { byKey, checkSame, tamper } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, eventOf } from './room.ts';

export const isolationCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'returns copies: changes to a returned snapshot have no effect',
    postcondition: 'readState 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const keys = [CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.bob)];
      const before = structuredClone((await room.read(keys)).events);
      const spoilt = await room.read(keys);
      for (const event of spoilt.events) {
        tamper(() => Object.assign(event.content, { membership: 'ban', added: true }));
        tamper(() => Object.assign(event, { sender: '@mallory:example.org' }));
      }
      const levels = eventOf(spoilt, POWER_LEVELS_KEY)?.content.users;
      tamper(() => Object.assign(levels ?? {}, { [room.bob]: 100 }));
      tamper(() => (spoilt.events as unknown[]).splice(0));
      checkSame(byKey((await room.read(keys)).events), byKey(before), 'events in a later read');
    },
  }),
  storageCase({
    name: 'returns a snapshot: later changes in the store do not show in it',
    postcondition: 'readState 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      for (const reason of ['short', 'long '.repeat(600)]) {
        await room.invite(invitee, await room.basisFor(invitee), { reason });
        const keys = [POWER_LEVELS_KEY, memberKey(invitee)];
        const [snapshot, expected] = [await room.read(keys), structuredClone((await room.read(keys)).events)];
        await room.setMembership(invitee, 'leave');
        await room.setInviteLevel(50);
        checkSame(byKey(snapshot.events), byKey(expected), 'events of the earlier snapshot');
        await room.setInviteLevel(0);
      }
    },
  }),
  storageCase({
    name: 'stores a copy: later changes to the passed event have no effect',
    postcondition: 'readState 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const event = room.inviteEvent(invitee, { reason: 'as it was' });
      await room.append(event, await room.basisFor(invitee));
      event.content.membership = 'join';
      event.content.reason = 'tampered with';
      event.sender = room.bob;
      const stored = await room.current(memberKey(invitee));
      checkSame(
        stored?.content,
        { membership: 'invite', reason: 'as it was' },
        'content of the stored event',
      );
      checkSame(stored?.sender, room.alice, 'sender of the stored event');
    },
  }),
  storageCase({
    name: 'keeps no reference to the basis: later changes to it have no effect',
    postcondition: 'readState 4',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const invitee = await room.stranger();
      const basis = await room.read([POWER_LEVELS_KEY, memberKey(room.bob), memberKey(invitee)]);
      await room.invite(invitee, basis);
      for (const event of basis.events)
        tamper(() => Object.assign(event.content, { membership: 'ban', invite: 1 }));
      tamper(() => (basis.keys as unknown[]).splice(0));
      checkSame(await room.membershipOf(room.bob), 'join', "bob's membership");
      checkSame((await room.current(POWER_LEVELS_KEY))?.content.invite, 0, 'invite level');
      checkSame(await room.membershipOf(invitee), 'invite', "the invitee's membership");
    },
  }),
];
