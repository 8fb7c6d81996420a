import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { newRoomId, newUserIds } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, createUsers, eventOf } from './room.ts';

export const readStateCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'returns the current event for each key',
    postcondition: 'readState 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await room.setMembership(room.bob, 'ban');
      const keys = [CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.alice), memberKey(room.bob)];
      const snapshot = await room.read(keys);
      checkSame(snapshot.roomId, room.id, 'roomId');
      checkSame(snapshot.keys, keys, 'keys');
      checkSame(snapshot.events.length, 4, 'number of events');
      checkSame(eventOf(snapshot, CREATE_KEY)?.sender, room.alice, 'sender of the create event');
      const levels = eventOf(snapshot, POWER_LEVELS_KEY)?.content;
      checkSame(levels?.users, room.levels(0).users, 'power levels of users');
      checkSame(eventOf(snapshot, memberKey(room.alice))?.content.membership, 'join', "alice's membership");
      const bob = eventOf(snapshot, memberKey(room.bob));
      checkSame(
        [bob?.content.membership, bob?.sender],
        ['ban', room.alice],
        "bob's membership and its sender",
      );
    },
  }),
  storageCase({
    name: 'returns the latest of several changes',
    postcondition: 'readState 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const membership of ['ban', 'invite', 'join', 'ban', 'invite'] as const) {
        await room.setMembership(room.bob, membership);
        checkSame(await room.membershipOf(room.bob), membership, 'membership after the change');
      }
      await room.setInviteLevel(100);
      checkSame((await room.current(POWER_LEVELS_KEY))?.content.invite, 100, 'invite level after the change');
    },
  }),
  storageCase({
    name: 'omits a key without an event from events, and keeps it in keys',
    postcondition: 'readState 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const keys = [
        memberKey(await room.stranger()),
        { type: 'org.example.none', state_key: '' },
        CREATE_KEY,
      ];
      const snapshot = await room.read(keys);
      checkSame(snapshot.keys, keys, 'keys');
      checkSame(
        snapshot.events.map(({ type }) => type),
        ['m.room.create'],
        'types of the events',
      );
    },
  }),
  storageCase({
    name: 'returns only the requested keys',
    postcondition: 'readState 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const snapshot = await room.read([memberKey(room.bob)]);
      checkSame(
        snapshot.events.map(({ type, state_key }) => ({ type, state_key })),
        [memberKey(room.bob)],
        'keys of the events',
      );
      checkSame((await room.read([])).events, [], 'events for no keys');
    },
  }),
  storageCase({
    name: 'returns an event of any of 1,200 members',
    postcondition: 'readState 1',
    async run(harness) {
      const members = await createUsers(harness, newUserIds('member', 1_200));
      const room = await CaseRoom.create(harness, {
        members: Object.fromEntries(members.map((userId) => [userId, 'join'])),
      });
      for (const userId of [members[0], members[600], members[1_199], await room.stranger()]) {
        const invitee = userId ?? '';
        const expected = members.includes(invitee) ? 'join' : undefined;
        checkSame(await room.membershipOf(invitee), expected, 'membership');
      }
      const late = await room.stranger();
      await room.invite(late, await room.basisFor(late));
      checkSame(await room.membershipOf(late), 'invite', 'membership of the last invitee');
      checkSame((await room.current(POWER_LEVELS_KEY))?.content.invite, 0, 'invite level');
    },
  }),
  storageCase({
    name: 'returns an event once, however often and in whatever order its key is passed',
    postcondition: 'readState 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const bob = memberKey(room.bob);
      const snapshot = await room.read([bob, CREATE_KEY, { ...bob }, bob, CREATE_KEY]);
      checkSame(snapshot.events.length, 2, 'number of events');
      check(eventOf(snapshot, bob) !== undefined, "bob's membership is missing");
      const stranger = await room.stranger();
      const basis = await room.read([memberKey(stranger), bob, memberKey(stranger), bob]);
      checkSame(
        (await room.invite(stranger, basis)).outcome,
        'appended',
        'append on keys that were passed twice',
      );
    },
  }),
  storageCase({
    name: 'resolves undefined for an unknown room, whatever its ID and the keys are',
    postcondition: 'readState 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const unknown = [
        newRoomId(),
        room.id.toUpperCase(),
        room.id.slice(0, -1),
        `${room.id}0`,
        `${room.id} `,
        `${room.id}\0`,
        room.id.replace('room', 'ro%m'),
        room.id.replace(/\d/, '0$&'),
        room.id.replace(':', 'x:'),
        room.id.replace(':', '.0:'),
        room.id.replace(/:.*/, ':example.com'),
        room.id.replace(/:.*/, ''),
        `${room.id}:443`,
        '!__proto__',
        '__proto__',
        'constructor',
        '',
      ].filter((roomId) => roomId !== room.id);
      for (const roomId of unknown) {
        for (const keys of [[], [CREATE_KEY, memberKey(room.alice)]]) {
          const snapshot = await harness.adapter.readState(roomId, keys, deadlineContext());
          checkSame(snapshot?.events, undefined, `events of the unknown room ${JSON.stringify(roomId)}`);
          check(
            snapshot === undefined,
            `readState resolved a snapshot of the unknown room ${JSON.stringify(roomId)}`,
          );
        }
      }
    },
  }),
  storageCase({
    name: 'resolves a snapshot for a known room even if no key has an event',
    postcondition: 'readState 2',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const snapshot = await harness.adapter.readState(
        room.id,
        [memberKey(await room.stranger())],
        deadlineContext(),
      );
      checkSame(snapshot?.events, [], 'events');
    },
  }),
];
