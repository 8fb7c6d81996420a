import { and, eq, inArray } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { alias, integer, pgTable, primaryKey, serial, text, varchar } from 'drizzle-orm/pg-core';
import { MatrixError, type StorageAdapter } from 'express-matrix-invite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import type { Pool } from 'pg';
import { type Role, roomNumberOf, type Status, stateOf, usernameOf, usernamesIn } from './matrix.ts';

const users = pgTable('users', { id: serial().primaryKey(), username: varchar({ length: 64 }).notNull() });
const rooms = pgTable('rooms', {
  id: serial().primaryKey(),
  owner_id: integer().notNull(),
  invite_role: varchar({ length: 16 }).$type<Role>().notNull(),
});
const memberships = pgTable(
  'memberships',
  {
    room_id: integer().notNull(),
    user_id: integer().notNull(),
    role: varchar({ length: 16 }).$type<Role>().notNull().default('member'),
    status: varchar({ length: 16 }).$type<Status>().notNull(),
    changed_by: integer().notNull(),
    invite: text(),
  },
  ({ room_id, user_id }) => [primaryKey({ columns: [room_id, user_id] })],
);
const changers = alias(users, 'changers');

type Tx = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];

/** Serialization failure and deadlock: the transaction was rolled back. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);

export function drizzleStorage(pool: Pool): StorageAdapter {
  return transactionalStorage<Tx>({
    async transact(roomId, work) {
      // With drizzle(pool), a transaction whose BEGIN fails never gives its connection back.
      const client = await pool.connect();
      try {
        return await drizzle(client).transaction(
          async (tx) => {
            const number = roomNumberOf(roomId);
            await tx.select({ id: rooms.id }).from(rooms).where(eq(rooms.id, number)).for('update');
            return work(tx);
          },
          { isolationLevel: 'read committed' },
        );
      } finally {
        client.release();
      }
    },

    async readState(tx, roomId, keys) {
      const number = roomNumberOf(roomId);
      const [room] = await tx
        .select({ owner: users.username, invite_role: rooms.invite_role })
        .from(rooms)
        .innerJoin(users, eq(users.id, rooms.owner_id))
        .where(eq(rooms.id, number));
      const { status, invite } = memberships;
      const members = await tx
        .select({ username: users.username, status, invite, changed_by: changers.username })
        .from(memberships)
        .innerJoin(users, eq(users.id, memberships.user_id))
        .innerJoin(changers, eq(changers.id, memberships.changed_by))
        .where(and(eq(memberships.room_id, number), inArray(users.username, usernamesIn(keys))));
      const privileged = await tx
        .select({ username: users.username, role: memberships.role })
        .from(memberships)
        .innerJoin(users, eq(users.id, memberships.user_id))
        .where(and(eq(memberships.room_id, number), inArray(memberships.role, ['moderator', 'owner'])))
        .orderBy(memberships.user_id);
      return stateOf(keys, { room, members, privileged });
    },

    async insert(tx, event) {
      const userOf = (userId: string) =>
        tx
          .select({ id: users.id })
          .from(users)
          .where(eq(users.username, usernameOf(userId)));
      const [[invitee], [inviter]] = [await userOf(event.state_key), await userOf(event.sender)];
      if (invitee === undefined || inviter === undefined) {
        throw new MatrixError(403, 'M_FORBIDDEN', 'The user does not exist');
      }
      const set = {
        status: 'invited',
        changed_by: inviter.id,
        invite: JSON.stringify(event.content),
      } as const;
      await tx
        .insert(memberships)
        .values({ room_id: roomNumberOf(event.room_id), user_id: invitee.id, ...set })
        .onConflictDoUpdate({ target: [memberships.room_id, memberships.user_id], set });
    },

    // Drizzle wraps the driver's error.
    isConflict: (error) => CONFLICTS.has((error as { cause?: { code?: unknown } } | undefined)?.cause?.code),
  });
}
