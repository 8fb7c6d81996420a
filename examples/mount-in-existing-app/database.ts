import { type OpenDatabase, openSqlite } from '../quickstart/open-sqlite.ts';

/** A transaction that is open: what may be done to the tables. */
export type Transaction = Pick<OpenDatabase, 'prepare'>;

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
  -- Finds the few with a role without looking at every member.
  CREATE INDEX IF NOT EXISTS members_with_a_role ON members (room) WHERE role <> 'member';
  CREATE TABLE IF NOT EXISTS invitations (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, user TEXT NOT NULL, invited_by TEXT NOT NULL, at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY, user TEXT NOT NULL, text TEXT NOT NULL);`;

/**
 * The app's database. Everything goes through {@link transact}: it is the one lock that invites, bans, joins and role
 * changes share, so that an invite is decided and stored on roles that hold. (One process, one lock. With a database
 * server and several processes it would be `SELECT … FOR UPDATE` on the room's row.)
 */
export class Database {
  readonly #sqlite: OpenDatabase;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(sqlite: OpenDatabase) {
    this.#sqlite = sqlite;
  }

  static async open(path: string): Promise<Database> {
    const sqlite = await openSqlite(path);
    // FULL: what was acknowledged outlasts a power cut.
    sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    sqlite.exec(SCHEMA);
    return new Database(sqlite);
  }

  /** Runs `work` in a transaction once those before it are over; it is rolled back when `work` fails. */
  transact<T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#run(work));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Waits for what is under way, and closes. */
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
