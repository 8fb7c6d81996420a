import type {
  JsonObject,
  NewStateEvent,
  StateKey,
  StorageAdapter,
  StrippedStateEvent,
} from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Database, Transaction } from './database.ts';
import { nameOf, slugOf, userIdOf } from './matrix-ids.ts';
import { memberOf, type Role, type Room, rolesOf, roomOf, type Status, setStatus } from './rooms.ts';

const LEVELS: Readonly<Record<Role, number>> = { member: 0, moderator: 50, owner: 100 };
const MEMBERSHIPS: Readonly<Record<Status, string>> = {
  joined: 'join',
  invited: 'invite',
  left: 'leave',
  banned: 'ban',
};

/** Presents the app's tables to the router as Matrix state, and inserts its invites into them. */
export function matrixStorage(database: Database): StorageAdapter {
  return transactionalStorage<Transaction>({
    transact: (_roomId, work) => database.transact(work),

    async readState(tx, roomId, keys) {
      const slug = slugOf(roomId);
      const room = slug === undefined ? undefined : roomOf(tx, slug);
      return room && keys.flatMap((key) => stateUnder(tx, room, key) ?? []);
    },

    async insert(tx, event) {
      return { eventId: `invitation-${addInvitation(tx, event)}` };
    },
  });
}

/** The state event for a key, built from the tables. */
function stateUnder(
  tx: Transaction,
  room: Room,
  { type, state_key }: StateKey,
): StrippedStateEvent | undefined {
  if (type === 'm.room.member') return memberEvent(tx, room, state_key);
  if (state_key !== '') return undefined;
  const event = (content: JsonObject) => ({ type, state_key, sender: userIdOf(room.owner), content });
  if (type === 'm.room.create') return event({ room_version: '11' });
  if (type === 'm.room.power_levels') return event(powerLevels(tx, room));
  return undefined;
}

/** Leaves out members without a role, who have `users_default`, so that the cost does not grow with the room. */
function powerLevels(tx: Transaction, room: Room): JsonObject {
  const users = rolesOf(tx, room.slug).map(({ user, role }) => [userIdOf(user), LEVELS[role]]);
  return { users: Object.fromEntries(users), users_default: 0, invite: LEVELS[room.invite_role] };
}

function memberEvent(tx: Transaction, room: Room, userId: string): StrippedStateEvent | undefined {
  const name = nameOf(userId);
  const member = name === undefined ? undefined : memberOf(tx, room.slug, name);
  if (member === undefined) return undefined;
  const { status, invite, changed_by } = member;
  return {
    type: 'm.room.member',
    state_key: userId,
    sender: userIdOf(changed_by),
    content: invite === null ? { membership: MEMBERSHIPS[status] } : JSON.parse(invite),
  };
}

/** Stores the membership, and a row that remains when the membership changes. */
function addInvitation(tx: Transaction, event: NewStateEvent): number | bigint {
  const [room, user, inviter] = [slugOf(event.room_id), nameOf(event.state_key), nameOf(event.sender)];
  if (room === undefined || user === undefined || inviter === undefined) {
    throw new TypeError('An invite has an ID of another server');
  }
  setStatus(tx, room, user, 'invited', inviter, JSON.stringify(event.content));
  return tx
    .prepare('INSERT INTO invitations (room, user, invited_by, at) VALUES (?, ?, ?, ?)')
    .run(room, user, inviter, event.origin_server_ts).lastInsertRowid;
}
