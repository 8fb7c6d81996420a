import type { AppendResult, StateSnapshot, StorageAdapter } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StrippedStateEvent } from '../../../src/rooms/event.ts';
import type { StorageHarness } from '../../../src/testing/storage/harness.ts';

type Member = { membership: string; invitation: string; changedBy: string };
type Room = { owner: string; roles: Map<string, number>; inviteLevel: number; members: Map<string, Member> };

/**
 * A host app that is not a Matrix server: it has tables of rooms, roles and members, but no events and no
 * event IDs. Host apps like this one must be able to pass the storage contract.
 *
 * @param collate what the database compares of a user ID when a statement looks for its row
 */
export function roleTablesHarness(
  collate: (userId: string) => string = (userId) => userId,
): StorageHarness & { insert(event: NewStateEvent): void } {
  const rooms = new Map<string, Room>();
  const users = new Map<string, string>();

  const eventOf = (room: Room, type: string, state_key: string): StrippedStateEvent | undefined => {
    if (type === 'm.room.member') {
      const member = room.members.get(state_key);
      return member && { type, state_key, sender: member.changedBy, content: JSON.parse(member.invitation) };
    }
    if (state_key !== '') return undefined;
    if (type === 'm.room.create')
      return { type, state_key, sender: room.owner, content: { room_version: '11' } };
    if (type !== 'm.room.power_levels') return undefined;
    const content = { users: Object.fromEntries(room.roles), users_default: 0, invite: room.inviteLevel };
    return { type, state_key, sender: room.owner, content };
  };

  const setMember = (room: Room, userId: string, sender: string, content: { membership?: unknown }) => {
    const user = users.get(collate(userId));
    if (user === undefined) throw new Error(`no such user: ${userId}`);
    const membership = String(content.membership);
    room.members.set(user, { membership, changedBy: sender, invitation: JSON.stringify(content) });
  };

  const roomOf = (roomId: string): Room => {
    const room = rooms.get(roomId);
    if (room === undefined) throw new Error(`no such room: ${roomId}`);
    return room;
  };

  const insert = (event: NewStateEvent) => {
    setMember(roomOf(event.room_id), event.state_key, event.sender, event.content);
  };

  const adapter: StorageAdapter = {
    async readState(roomId, keys): Promise<StateSnapshot | undefined> {
      const room = rooms.get(roomId);
      if (room === undefined) return undefined;
      const distinct = new Map(
        keys.map(({ type, state_key }) => [`${type}\n${state_key}`, { type, state_key }]),
      );
      const events = [...distinct.values()].flatMap((key) => eventOf(room, key.type, key.state_key) ?? []);
      return { roomId, keys: [...keys], events, revision: undefined };
    },
    async appendEvent(event, basis, { signal }): Promise<AppendResult> {
      signal.throwIfAborted();
      const room = roomOf(event.room_id);
      const jsonOf = (found: StrippedStateEvent | undefined) =>
        JSON.stringify([found?.sender, found?.content]);
      const isAsShown = basis.keys.every(({ type, state_key }) => {
        const shown = basis.events.find((each) => each.type === type && each.state_key === state_key);
        return jsonOf(shown) === jsonOf(eventOf(room, type, state_key));
      });
      if (!isAsShown) return { outcome: 'stale' };
      insert(event);
      return { outcome: 'appended', eventId: '' };
    },
  };

  return {
    adapter,
    insert,
    async createUsers(userIds) {
      for (const userId of userIds) users.set(collate(userId), userId);
    },
    async createRoom({ roomId, creator, members, powerLevels }) {
      const roles = new Map(Object.entries(powerLevels.users));
      const room: Room = { owner: creator, roles, inviteLevel: powerLevels.invite, members: new Map() };
      for (const [userId, membership] of Object.entries(members))
        setMember(room, userId, creator, { membership });
      rooms.set(roomId, room);
    },
    async setMembership(roomId, userId, membership, sender) {
      setMember(roomOf(roomId), userId, sender, { membership });
    },
    async setPowerLevels(roomId, levels) {
      const room = roomOf(roomId);
      room.roles = new Map(Object.entries(levels.users));
      room.inviteLevel = levels.invite;
    },
  };
}
