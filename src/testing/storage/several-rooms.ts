import { CREATE_KEY, memberKey } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range, shuffled } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, eventOf } from './room.ts';

const ROOMS = 8;

export const severalRoomCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'does not mix up concurrent reads of several rooms',
    postcondition: 'readState 1',
    async run(harness) {
      const { rooms, user } = await roomsOfOneUser(harness);
      const everyRoomOften = shuffled(range(10).flatMap(() => rooms));
      await Promise.all(
        everyRoomOften.map(async ({ room, membership }) => {
          const snapshot = await room.read([CREATE_KEY, memberKey(user)]);
          checkSame(snapshot.roomId, room.id, 'roomId');
          checkSame(eventOf(snapshot, CREATE_KEY)?.sender, room.alice, 'sender of the create event');
          const event = eventOf(snapshot, memberKey(user));
          checkSame(event?.content.membership, membership, 'membership in the room');
        }),
      );
    },
  }),
  storageCase({
    name: 'does not mix up concurrent appends to several rooms',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const { rooms, user } = await roomsOfOneUser(harness);
      const results = await Promise.all(
        rooms.map(async ({ room }) => room.invite(user, await room.basisFor(user), { reason: room.id })),
      );
      for (const [index, { room }] of rooms.entries()) {
        checkSame(results[index]?.outcome, 'appended', 'outcome');
        const event = await room.current(memberKey(user));
        checkSame([event?.sender, event?.content.reason], [room.alice, room.id], 'sender and reason');
      }
    },
  }),
];

/** Creates rooms with other members, and a user who is in every second of them, and banned from the rest. */
async function roomsOfOneUser(harness: StorageHarness) {
  const rooms = [];
  for (const index of range(ROOMS)) {
    const membership = index % 2 === 0 ? ('join' as const) : ('ban' as const);
    rooms.push({ room: await CaseRoom.create(harness), membership });
  }
  const user = (await rooms[0]?.room.stranger()) ?? '';
  for (const { room, membership } of rooms)
    await room.setMembership(user, membership, membership === 'join' ? user : room.alice);
  return { rooms, user };
}
