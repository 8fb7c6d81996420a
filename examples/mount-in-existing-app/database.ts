// Node 22.13 and later have the same class in `node:sqlite`.
import { DatabaseSync } from '@photostructure/sqlite';

type Sqlite = InstanceType<typeof DatabaseSync>;

/** An open transaction. */
export type Transaction = Pick<Sqlite, 'prepare'>;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, salt TEXT NOT NULL, password_hash TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS tokens (
    token_hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS rooms (
    slug TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES users, invite_role TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS members (
    room TEXT NOT NULL REFERENCES rooms, user TEXT NOT NULL REFERENCES users, role TEXT NOT NULL,
    status TEXT NOT NULL, changed_by TEXT NOT NULL, invite TEXT, PRIMARY KEY (room, user)) WITHOUT ROWID;
  -- Finds the few members with a role without scanning all members.
  CREATE INDEX IF NOT EXISTS members_with_a_role ON members (room) WHERE role <> 'member';
  CREATE TABLE IF NOT EXISTS invitations (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, user TEXT NOT NULL, invited_by TEXT NOT NULL, at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY, user TEXT NOT NULL, text TEXT NOT NULL);`;

/**
 * The app's database. Everything goes through {@link transact}, the lock that invites, bans, joins and role changes
 * share. No role can change between the decision about an invite and its insert. (One lock is enough for one process.
 * With a database server and several processes, use `SELECT … FOR UPDATE` on the room's row.)
 */
export class Database {
  readonly #sqlite: Sqlite;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#sqlite = new DatabaseSync(path);
    // FULL: acknowledged invites survive a power failure.
    this.#sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    this.#sqlite.exec(SCHEMA);
  }

  /** Runs `work` in a transaction after all earlier ones have ended. Rolls back if `work` fails. */
  transact<T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#run(work));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Waits for pending transactions, and closes the database. */
  async close(): Promise<void> {
    await this.#last;
    this.#sqlite.close();
  }

  async #run<T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> {
    this.#sqlite.exec('BEGIN IMMEDIATE');
    try {
      const result = await work(this.#sqlite);
      this.#sqlite.exec('COMMIT');
      return result;
    } catch (error) {
      this.#sqlite.exec('ROLLBACK');
      throw error;
    }
  }
}
