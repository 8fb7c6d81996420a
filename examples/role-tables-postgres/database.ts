import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import type pg from 'pg';

export type Role = 'member' | 'moderator' | 'owner';
export type Status = 'joined' | 'invited' | 'left' | 'banned';

/** The app's tables. */
export type Tables = {
  rooms: { id: string; owner: string; invite_role: Role };
  members: {
    room: string;
    user: string;
    role: Role;
    status: Status;
    changed_by: string;
    /** An invite's content as JSON. The column is `text`, because `jsonb` rejects NUL, which a reason may contain. */
    invite: string | null;
  };
};
export type Tx = Transaction<Tables>;

export function openDatabase(pool: pg.Pool): Kysely<Tables> {
  // pg emits `error` when a connection breaks. The pool listens while the connection is idle, but Kysely does not
  // listen while it is in use, and an unhandled `error` event ends the process. The running query fails either way.
  pool.on('connect', (client) => client.on('error', () => {}));
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

export async function createTables(database: Kysely<Tables>): Promise<void> {
  await sql`
    CREATE TABLE rooms (id text PRIMARY KEY, owner text NOT NULL, invite_role text NOT NULL);
    CREATE TABLE members (
      room text NOT NULL REFERENCES rooms, "user" text NOT NULL, role text NOT NULL DEFAULT 'member',
      status text NOT NULL, changed_by text NOT NULL, invite text, PRIMARY KEY (room, "user"));
    -- Finds the few members with a role without scanning all members.
    CREATE INDEX members_with_a_role ON members (room) WHERE role <> 'member'`.execute(database);
}

/**
 * Runs `work` in a transaction that locks the room's row. Everything that changes the room or its members must go
 * through here. No role or membership can change between the decision about an invite and its insert.
 *
 * The isolation level is explicit, because under a stricter default, a transaction that waited for the lock would
 * still see the state before the wait, and fail.
 */
export function inRoom<T>(database: Kysely<Tables>, room: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  return database
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      // For this transaction only: waits for locks are limited, and a commit waits for the disk.
      await sql`SELECT set_config('lock_timeout', '5s', true), set_config('synchronous_commit', 'on', true)`.execute(
        tx,
      );
      await tx.selectFrom('rooms').select('id').where('id', '=', room).forNoKeyUpdate().execute();
      return work(tx);
    });
}
