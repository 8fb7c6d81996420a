import {
  type JsonObject,
  MatrixError,
  type StateKey,
  type StorageAdapter,
  type StrippedStateEvent,
} from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Kysely, Selectable } from 'kysely';
import { inRoom, type Role, type Status, type Tables, type Tx } from './database.ts';
import { setStatus } from './members.ts';

const LEVELS: Readonly<Record<Role, number>> = { member: 0, moderator: 50, owner: 100 };
const MEMBERSHIPS: Readonly<Record<Status, string>> = {
  joined: 'join',
  invited: 'invite',
  left: 'leave',
  banned: 'ban',
};
/** Serialization failure and deadlock: PostgreSQL has rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/** Presents the app's tables to the router as Matrix state, and inserts its invites into them. */
export function matrixStorage(database: Kysely<Tables>): StorageAdapter {
  return transactionalStorage<Tx>({
    // No room has an empty ID.
    transact: (roomId, work) => inRoom(database, canBeStored(roomId) ? roomId : '', work),

    async readState(tx, roomId, keys) {
      if (!canBeStored(roomId)) return undefined;
      const room = await tx.selectFrom('rooms').selectAll().where('id', '=', roomId).executeTakeFirst();
      if (room === undefined) return undefined;
      const members = await memberEvents(tx, roomId, keys);
      const others = await Promise.all(keys.map((key) => stateUnder(tx, room, key)));
      return [...members, ...others.filter((event) => event !== undefined)];
    },

    async insert(tx, event) {
      await setStatus(
        tx,
        event.room_id,
        event.state_key,
        'invited',
        event.sender,
        JSON.stringify(event.content),
      ).catch(refuse);
      return { eventId: `${event.room_id} ${event.state_key} ${event.origin_server_ts}` };
    },

    // Saves a transaction for most invites. Each process remembers on its own, and the insert compares.
    remember: true,

    isConflict: (error) => CONFLICTS.has((error as { code?: unknown } | undefined)?.code),
  });
}

/**
 * Turns an error that a retry cannot fix into the response. Any other error counts as an outage, and the invite is
 * tried again.
 */
function refuse(error: Error & { code?: string }): never {
  const { code = '' } = error;
  const options = { cause: error };
  // A foreign key, a CHECK or an exclusion constraint.
  if (/^(?:23503|23514|23P01)$/.test(code))
    throw new MatrixError(403, 'M_FORBIDDEN', 'The invite is refused', options);
  // Another constraint, or data that no column takes: a mistake in the tables.
  if (/^2[23]/.test(code)) throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', options);
  throw error;
}

/** PostgreSQL's `text` rejects NUL and lone surrogates, so no room or user has such an ID. */
function canBeStored(id: string): boolean {
  return id.isWellFormed() && !id.includes('\0');
}

/** Reads the requested memberships in one query. */
async function memberEvents(tx: Tx, room: string, keys: readonly StateKey[]): Promise<StrippedStateEvent[]> {
  const users = keys
    .filter(({ type }) => type === 'm.room.member')
    .map(({ state_key }) => state_key)
    .filter(canBeStored);
  if (users.length === 0) return [];
  const rows = await tx
    .selectFrom('members')
    .selectAll()
    .where('room', '=', room)
    .where('user', 'in', users)
    .execute();
  return rows.map(({ user, status, changed_by, invite }) => ({
    type: 'm.room.member',
    state_key: user,
    sender: changed_by,
    content: invite === null ? { membership: MEMBERSHIPS[status] } : JSON.parse(invite),
  }));
}

/** Builds the create event and the power levels from the room's row and the members' roles. */
async function stateUnder(
  tx: Tx,
  room: Selectable<Tables['rooms']>,
  { type, state_key }: StateKey,
): Promise<StrippedStateEvent | undefined> {
  if (state_key !== '') return undefined;
  const event = (content: JsonObject) => ({ type, state_key, sender: room.owner, content });
  if (type === 'm.room.create') return event({ room_version: '11' });
  if (type !== 'm.room.power_levels') return undefined;
  const roles = await tx
    .selectFrom('members')
    .select(['user', 'role'])
    .where('room', '=', room.id)
    .where('role', '<>', 'member')
    .orderBy('user')
    .execute();
  const users = Object.fromEntries(roles.map(({ user, role }) => [user, LEVELS[role]]));
  return event({ users, users_default: 0, invite: LEVELS[room.invite_role] });
}
