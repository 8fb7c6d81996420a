import { DatabaseSync } from '@photostructure/sqlite';
import type { TransactionalStorageOptions } from '../../adapters/storage/transactional/index.ts';
import { MatrixError } from '../../src/errors.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { StrippedStateEvent } from '../../src/rooms/event.ts';
import type { TestDatabase } from './sqlite-file.ts';
import { ALICE } from './storage-room.ts';

/** The database's error for two conflicting transactions. */
export class ConflictError extends Error {}

/**
 * A host app that is not a Matrix server. It has a table of members in SQLite, no events and no event IDs, and one lock
 * for all rooms. It rejects an invite with the reason `refuse me` in the middle of the transaction.
 */
export class MemberTables implements TransactionalStorageOptions<TestDatabase> {
  readonly #database = new DatabaseSync(':memory:');
  #lastTransaction: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#database.exec(`CREATE TABLE rooms (id TEXT PRIMARY KEY);
      CREATE TABLE members (room TEXT, user TEXT, invited_by TEXT, membership TEXT, reason TEXT, PRIMARY KEY (room, user));
      CREATE TABLE log (id INTEGER PRIMARY KEY, user TEXT)`);
  }

  addRoom(roomId: string): void {
    this.#database.prepare('INSERT INTO rooms VALUES (?)').run(roomId);
    this.setMember(roomId, ALICE, 'join');
  }

  setMember(
    roomId: string,
    userId: string,
    membership: string,
    reason: string | null = null,
    sender: string = ALICE,
  ): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?)')
      .run(roomId, userId, sender, membership, reason);
  }

  removeMember(roomId: string, userId: string): void {
    this.#database.prepare('DELETE FROM members WHERE room = ? AND user = ?').run(roomId, userId);
  }

  rows(table: 'members' | 'log'): unknown[] {
    return this.#database.prepare(`SELECT * FROM ${table}`).all();
  }

  async transact<T>(
    _roomId: string,
    work: (tx: TestDatabase) => Promise<T>,
    _context: CallContext,
  ): Promise<T> {
    const transaction = this.#lastTransaction.then(async () => {
      this.#database.exec('BEGIN');
      try {
        const result = await work(this.#database);
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        this.#database.exec('ROLLBACK');
        throw error;
      }
    });
    this.#lastTransaction = transaction.catch(() => {});
    return transaction;
  }

  readState: TransactionalStorageOptions<TestDatabase>['readState'] = async (tx, roomId, keys) => {
    await nextTurn();
    if (tx.prepare('SELECT id FROM rooms WHERE id = ?').get(roomId) === undefined) return undefined;
    return keys.flatMap((key): StrippedStateEvent[] => {
      if (key.type === 'm.room.create') return [{ ...key, sender: ALICE, content: { room_version: '11' } }];
      const row = tx.prepare('SELECT * FROM members WHERE room = ? AND user = ?').get(roomId, key.state_key);
      if (row === undefined) return [];
      const { membership, reason, invited_by } = row;
      return [
        { ...key, sender: invited_by, content: { membership, ...(reason === null ? {} : { reason }) } },
      ];
    });
  };

  insert: TransactionalStorageOptions<TestDatabase>['insert'] = async (tx, event) => {
    const added = tx.prepare('INSERT INTO log (user) VALUES (?)').run(event.state_key);
    await nextTurn();
    const { membership, reason } = event.content;
    if (reason === 'refuse me') throw new MatrixError(413, 'M_TOO_LARGE', 'The reason is too large');
    this.setMember(
      event.room_id,
      event.state_key,
      String(membership),
      reason === undefined ? null : String(reason),
    );
    return { eventId: `invite-${added.lastInsertRowid}` };
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
