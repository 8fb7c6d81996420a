import { checkOptions, hasMethods, type OptionChecks, stringOption } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { contextFor } from '../shared/deadline.ts';
import { checkBasis } from '../shared/same-state.ts';
import { copyOfKeys } from '../shared/state-key.ts';
import { timelineOptions } from '../shared/timeline-options.ts';
import { Connection } from './connection.ts';
import type { SqliteDatabase } from './database.ts';
import { toEventRow } from './event-row.ts';
import { checkTablePrefix, DEFAULT_TABLE_PREFIX } from './schema.ts';
import { Tables } from './tables.ts';
import { WriteQueue } from './write-queue.ts';

export type { SqliteDatabase, SqliteStatement } from './database.ts';
export { sqliteSchema } from './schema.ts';

/** The options of {@link SqliteStorage}. */
export type SqliteStorageOptions = {
  /** What the names of tables and indexes start with. Default `matrix_`. */
  readonly tablePrefix?: string;
};

const optionChecks: OptionChecks<SqliteStorageOptions> = { tablePrefix: stringOption };

/** How long methods that take no signal wait for a lock. */
const LONGEST_WAIT_MS = 5_000;

/**
 * Rooms in an SQLite file, which several processes of one machine may share (SQLite 3.38 or later).
 *
 * The connection must be this storage's own: it sets `journal_mode = WAL`, `synchronous = FULL` and
 * `busy_timeout = 0` on it, and a transaction of the host on the same connection would mix with its own. A lock
 * that another process holds is waited for without blocking the event loop: until the deadline of the call, or
 * 5 seconds where a method has none. The host closes the connection.
 *
 * Every method rejects with a `StorageUnavailableError` when SQLite fails, or stays locked for too long; the
 * driver's error is its `cause`. Tables that are not there count as such a failure.
 */
export class SqliteStorage implements RoomStore {
  readonly #connection: Connection;
  readonly #tables: Tables;
  readonly #queue: WriteQueue;

  /**
   * @param database an open connection
   * @throws {TypeError} for what is no connection, for an unknown option, and when the prefix is not a letter or `_`, followed by letters, digits and `_`
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(database: SqliteDatabase, options: SqliteStorageOptions = {}) {
    if (!hasMethods(database, 'exec', 'prepare')) {
      throw new TypeError(
        'SqliteStorage takes an open connection: a DatabaseSync of node:sqlite, or one like it',
      );
    }
    checkOptions('SqliteStorage', options, optionChecks);
    const { tablePrefix = DEFAULT_TABLE_PREFIX } = options;
    checkTablePrefix(tablePrefix);
    this.#connection = new Connection(database);
    this.#tables = new Tables(this.#connection, tablePrefix);
    this.#queue = new WriteQueue(this.#connection);
  }

  /** Goes forward only: tables that a later release has made are left as they are. */
  async migrate(): Promise<void> {
    await this.#queue.write(() => this.#tables.migrate(), contextFor(LONGEST_WAIT_MS));
  }

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const rows = state.map((event) => toEventRow({ ...event, room_id: roomId }));
    return this.#queue.write(() => {
      if (this.#tables.hasRoom(roomId)) return 'exists';
      this.#tables.addRoom(roomId);
      for (const row of rows) this.#tables.addEvent(row);
      return 'created';
    }, contextFor(LONGEST_WAIT_MS));
  }

  async readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    const events = await this.#connection.read(() => this.#tables.currentEvents(roomId, keys), context);
    return events && { roomId, keys: copyOfKeys(keys), events, revision: undefined };
  }

  async appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    checkBasis(event, basis);
    const row = toEventRow(event);
    return this.#queue.write((): AppendResult => {
      if (!this.#tables.holds(basis)) return { outcome: 'stale' };
      return { outcome: 'appended', eventId: this.#tables.addEvent(row, basis) };
    }, context);
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const roomId = event.room_id;
    const row = toEventRow(event);
    return this.#queue.write(
      () => (this.#tables.hasRoom(roomId) ? { eventId: this.#tables.addEvent(row) } : undefined),
      contextFor(LONGEST_WAIT_MS),
    );
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return this.#connection.read(() => {
      // Asked for first: rooms are never removed, so that one found here is whole in the next statement.
      if (!this.#tables.hasRoom(roomId)) return undefined;
      return this.#tables.state(roomId);
    }, contextFor(LONGEST_WAIT_MS));
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#connection.read(() => {
      if (!this.#tables.hasRoom(roomId)) return undefined;
      return this.#tables.page(roomId, after, limit);
    }, contextFor(LONGEST_WAIT_MS));
  }
}
