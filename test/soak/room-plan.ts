import type { NewRoom } from '../../src/ports/storage.ts';
import type { NewStateEvent } from '../../src/rooms/event.ts';
import { ROOM_VERSIONS } from '../../src/rooms/room-version.ts';
import type { SeededRandom } from './random.ts';

/** A room of a round, with its users. */
export type RoomPlan = {
  readonly room: NewRoom;
  /** The user who creates the room, a member from the start. */
  readonly creator: string;
  /** Users who invite and get power. The creator is not among them. */
  readonly actors: readonly string[];
  /** Users who are invited, join, leave, and are kicked and banned: the actors and others. Some are members at first. */
  readonly users: readonly string[];
};

/** The rooms of a round, by the share of calls they get. */
export type Rooms = {
  readonly hot: RoomPlan;
  readonly large: RoomPlan;
  readonly small: readonly RoomPlan[];
};

const LARGE_ROOM_MEMBERS = 1_000;

/** Plans a round's rooms: a hot one, one with 1,000 members, and small ones of every version and of an unknown one. */
export function planRooms(round: string, random: SeededRandom, hotRoomUsers: number): Rooms {
  const versions = [...ROOM_VERSIONS.keys()];
  const small = [...versions, ...versions, 'unknown'];
  return {
    hot: planRoom(`${round}-hot`, random.pick(versions), { users: hotRoomUsers, members: 1 }),
    large: planRoom(`${round}-large`, random.pick(versions), {
      users: 200,
      members: LARGE_ROOM_MEMBERS,
    }),
    small: small.map((version, index) =>
      planRoom(`${round}-${index}`, version, { users: 16, members: index % 3 === 0 ? 6 : 1 }),
    ),
  };
}

function planRoom(name: string, version: string, size: { users: number; members: number }): RoomPlan {
  const creator = `@creator-${name}:example.org`;
  const users = Array.from({ length: size.users }, (_, index) => `@user${index}-${name}:example.org`);
  const members = Array.from(
    { length: size.members - 1 },
    (_, index) => users[index * 2] ?? `@member${index}-${name}:example.org`,
  );
  const rules = ROOM_VERSIONS.get(version);
  const event = (
    type: string,
    state_key: string,
    sender: string,
    content: NewStateEvent['content'],
  ): NewRoom['state'][number] => ({ type, state_key, sender, origin_server_ts: 1, content });
  const create = {
    ...(version === '1' ? {} : { room_version: version }),
    ...(rules?.creatorFrom === 'content' ? { creator } : {}),
  };
  const room = {
    roomId: rules?.roomIdHasDomain === false ? `!${name}` : `!${name}:example.org`,
    state: [
      event('m.room.create', '', creator, create),
      ...[creator, ...members].map((userId) =>
        event('m.room.member', userId, userId, { membership: 'join' }),
      ),
    ],
  };
  return { room, creator, actors: users.slice(0, 8), users };
}
