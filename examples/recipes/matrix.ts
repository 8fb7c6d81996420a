// Translates the app's rows to Matrix, where room 17 is !17:example.org, and alice is @alice:example.org.
import type { JsonObject, StateKey, StrippedStateEvent } from 'express-matrix-invite';

// No other ID reaches the database: no number that is too large for the column, no NUL, and no upper case, accent or
// trailing space, which a collation may ignore.
const ROOM_ID = /^!([1-9]\d{0,8}):example\.org$/;
const USER_ID = /^@([a-z0-9._-]{1,64}):example\.org$/;

const LEVELS = { member: 0, moderator: 50, owner: 100 } as const;
const MEMBERSHIPS = { joined: 'join', invited: 'invite', left: 'leave', banned: 'ban' } as const;

export type Role = keyof typeof LEVELS;
export type Status = keyof typeof MEMBERSHIPS;

/** What the adapter reads: the room, the members under the keys, and everybody with a role, in a constant order. */
export type Rows = {
  readonly room: { readonly owner: string; readonly invite_role: Role } | undefined;
  readonly members: readonly {
    readonly username: string;
    readonly status: Status;
    readonly invite: string | null;
    readonly changed_by: string;
  }[];
  readonly privileged: readonly { readonly username: string; readonly role: Role }[];
};

/** Returns the number of a room. 0 is no room. */
export function roomNumberOf(roomId: string): number {
  return Number(ROOM_ID.exec(roomId)?.[1] ?? 0);
}

/** Returns the name of a user. An empty name is nobody's. */
export function usernameOf(userId: string): string {
  return USER_ID.exec(userId)?.[1] ?? '';
}

function userIdOf(username: string): string {
  return `@${username}:example.org`;
}

/** Returns the names of the users whose memberships are read. There is always one: `IN ()` is not valid SQL. */
export function usernamesIn(keys: readonly StateKey[]): string[] {
  const members = keys.filter(({ type }) => type === 'm.room.member');
  return ['', ...members.map(({ state_key }) => usernameOf(state_key))];
}

/** Returns the rows as the state events under the keys, or undefined if there is no such room. */
export function stateOf(keys: readonly StateKey[], { room, members, privileged }: Rows) {
  if (room === undefined) return undefined;
  const users = Object.fromEntries(
    privileged.map(({ username, role }) => [userIdOf(username), LEVELS[role]]),
  );
  return keys.flatMap((key): StrippedStateEvent[] => {
    const eventBy = (sender: string, content: JsonObject) => [{ ...key, sender: userIdOf(sender), content }];
    if (key.type === 'm.room.member') {
      const member = members.find(({ username }) => userIdOf(username) === key.state_key);
      if (member === undefined) return [];
      const { status, invite, changed_by } = member;
      return eventBy(changed_by, invite === null ? { membership: MEMBERSHIPS[status] } : JSON.parse(invite));
    }
    if (key.state_key !== '') return [];
    if (key.type === 'm.room.create') return eventBy(room.owner, { room_version: '11' });
    if (key.type !== 'm.room.power_levels') return [];
    return eventBy(room.owner, { users, users_default: 0, invite: LEVELS[room.invite_role] });
  });
}
