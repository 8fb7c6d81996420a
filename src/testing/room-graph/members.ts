import { memberKey } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { newRoomId } from '../random.ts';
import { graphCase, type RoomGraphHarness } from './harness.ts';
import { GraphRoom, REMOTE_SERVER } from './room.ts';

export const memberCases: readonly ContractCase<RoomGraphHarness>[] = [
  graphCase({
    name: 'is true for the server of a joined member, and for no other name',
    postcondition: 'hasJoinedMember 1',
    async run(harness) {
      const { graph, serverName } = harness;
      const room = await GraphRoom.create(harness);
      const has = (name: string) => graph.hasJoinedMember(room.id, name, deadlineContext());
      checkSame(await has(serverName), true, serverName);
      const near = [
        `x${serverName}`,
        serverName.slice(1),
        `${serverName}:8448`,
        `%${serverName.slice(1)}`,
        '',
      ];
      for (const name of near) checkSame(await has(name), false, JSON.stringify(name));
      for (const userId of [room.alice, room.bob]) {
        await room.put(memberKey(userId), { membership: 'leave' }, userId);
      }
      checkSame(await has(serverName), false, `${serverName} after all members have left`);
    },
  }),
  graphCase({
    name: 'is false for the server of a user who is only invited',
    postcondition: 'hasJoinedMember 1',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      await room.invited(room.stranger());
      const found = await harness.graph.hasJoinedMember(room.id, REMOTE_SERVER, deadlineContext());
      checkSame(found, false, REMOTE_SERVER);
    },
  }),
  graphCase({
    name: 'is true for another server once one of its users has joined',
    postcondition: 'hasJoinedMember 1',
    requires: ['joinRemoteUser'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const other = await GraphRoom.create(harness);
      const userId = room.stranger();
      await room.invited(userId);
      await harness.joinRemoteUser(room.id, userId);
      const has = (roomId: string) => harness.graph.hasJoinedMember(roomId, REMOTE_SERVER, deadlineContext());
      checkSame(await has(room.id), true, REMOTE_SERVER);
      checkSame(await has(other.id), false, `${REMOTE_SERVER} in another room`);
    },
  }),
  graphCase({
    name: 'is false for an unknown room',
    postcondition: 'hasJoinedMember 1',
    async run({ graph, serverName }) {
      const found = await graph.hasJoinedMember(newRoomId(), serverName, deadlineContext());
      checkSame(found, false, 'a room that does not exist');
    },
  }),
];
