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
    /** An invite's content as JSON: as text, because `jsonb` takes no NUL, and a reason may have one. */
    invite: string | null;
  };
};
export type Tx = Transaction<Tables>;

export function openDatabase(pool: pg.Pool): Kysely<Tables> {
  // pg emits `error` when a connection breaks. The pool listens while it is idle, Kysely does not while it is in use,
  // and an `error` that nobody hears ends the process. The query that was under way fails all the same.
  pool.on('connect', (client) => client.on('error', () => {}));
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

export async function createTables(database: Kysely<Tables>): Promise<void> {
  await sql`
    CREATE TABLE rooms (id text PRIMARY KEY, owner text NOT NULL, invite_role text NOT NULL);
    CREATE TABLE members (
      room text NOT NULL REFERENCES rooms, "user" text NOT NULL, role text NOT NULL DEFAULT 'member',
      status text NOT NULL, changed_by text NOT NULL, invite text, PRIMARY KEY (room, "user"));
    -- Finds the few with a role without looking at every member.
    CREATE INDEX members_with_a_role ON members (room) WHERE role <> 'member'`.execute(database);
}

/**
 * Runs `work` in a transaction that holds the room's row: whatever changes the room or its members goes through here,
 * so that an invite is stored on the roles and memberships that it was decided on.
 *
 * READ COMMITTED is said, since under a stricter default whoever waited for the lock would still see what was there
 * before the wait, and fail.
 */
export function inRoom<T>(database: Kysely<Tables>, room: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  return database
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      // For this transaction: nobody waits for ever, and what is acknowledged is on the disk.
      await sql`SELECT set_config('lock_timeout', '5s', true), set_config('synchronous_commit', 'on', true)`.execute(
        tx,
      );
      await tx.selectFrom('rooms').select('id').where('id', '=', room).forNoKeyUpdate().execute();
      return work(tx);
    });
}
