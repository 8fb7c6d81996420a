import { contextWithTimeout } from '../../../src/internal/call-context.ts';
import { checkOptions, hasMethods, type OptionChecks, stringOption } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type {
  AddressClaim,
  AddressKey,
  PendingAddressInvites,
} from '../../../src/ports/pending-address-invites.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../../src/ports/storage.ts';
import type { StoredAddressInvite } from '../../../src/ports/third-party.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { RememberedState } from '../shared/remembered-state.ts';
import { checkBasis } from '../shared/same-state.ts';
import { timelineOptions } from '../shared/timeline-options.ts';
import { SqliteConnection, type SqliteDatabase } from './connection.ts';
import { fromStoredText, type NewEventRow, toEventRow } from './encoding.ts';
import { refusalBehind } from './failures.ts';
import { PendingAddresses } from './pending-addresses.ts';
import { sqliteTablePrefix } from './schema.ts';
import { type FoundEvent, Tables } from './tables.ts';
import { WriteQueue } from './write-queue.ts';

export type { SqliteDatabase, SqliteStatement } from './connection.ts';
export { sqliteSchema } from './schema.ts';

/** Options for {@link SqliteStorage}. */
export type SqliteStorageOptions = {
  /** The prefix of the names of tables and indexes. Default `matrix_`. */
  readonly tablePrefix?: string | undefined;
};

const optionChecks: OptionChecks<SqliteStorageOptions> = { tablePrefix: stringOption };

/** Milliseconds that methods without a context wait for a lock. */
const LOCK_TIMEOUT_MS = 5_000;

/**
 * Stores rooms in an SQLite file (SQLite 3.43 or later). Several processes on one machine may share the file.
 *
 * The storage needs its own connection: it sets `journal_mode = WAL`, `synchronous = FULL` and `busy_timeout = 0`
 * on it, and a transaction of the host app on the same connection would mix with the storage's own. The storage waits
 * for a lock of another process without blocking the event loop: until the deadline of the call, or for 5 seconds in
 * methods without one. The host app closes the connection.
 *
 * Every method rejects with a `StorageUnavailableError` if SQLite fails or stays locked for too long. The driver's error
 * is its `cause`. Missing tables count as such a failure.
 */
export class SqliteStorage implements RoomStore, PendingAddressInvites {
  readonly #connection: SqliteConnection;
  readonly #tables: Tables;
  readonly #addresses: PendingAddresses;
  readonly #queue: WriteQueue;
  readonly #remembered: RememberedState<FoundEvent>;

  /**
   * @param database an open connection
   * @throws {TypeError} if the database has no `exec` or `prepare`, for an unknown or ill-typed option, and if the prefix is not a letter or `_`, followed by letters, digits and `_`
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(database: SqliteDatabase, options: SqliteStorageOptions = {}) {
    if (!hasMethods(database, 'exec', 'prepare')) {
      throw new TypeError(
        'SqliteStorage: the first argument must be an open connection, such as a DatabaseSync of node:sqlite',
      );
    }
    checkOptions('SqliteStorage', options, optionChecks);
    this.#connection = new SqliteConnection(database);
    const prefix = sqliteTablePrefix(options.tablePrefix);
    this.#tables = new Tables(this.#connection, prefix);
    this.#addresses = new PendingAddresses(this.#connection, prefix);
    this.#queue = new WriteQueue(this.#connection);
    this.#remembered = new RememberedState({
      toEvent: (found) => this.#tables.toStripped(found),
      sizeOf: ({ content }) => (typeof content === 'string' ? content.length : 0),
    });
  }

  /** Creates the tables or brings them up to date. Leaves tables of a later release as they are. */
  async migrate(): Promise<void> {
    await this.#queue.write(() => this.#tables.migrate(), contextWithTimeout(LOCK_TIMEOUT_MS));
  }

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const rows = state.map((event) => toEventRow({ ...event, room_id: roomId }));
    return this.#queue.write(() => {
      if (this.#tables.hasRoom(roomId)) return 'exists';
      this.#tables.addRoom(roomId);
      for (const row of rows) this.#tables.addEvent(row);
      return 'created';
    }, contextWithTimeout(LOCK_TIMEOUT_MS));
  }

  async readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    const found = await this.#connection.read(() => this.#tables.currentEvents(roomId, keys), context);
    if (found === undefined) return undefined;
    return this.#remembered.snapshot(roomId, keys, found);
  }

  recall(roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
    return this.#remembered.recall(roomId, keys);
  }

  async appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    checkBasis(event, basis);
    const row = toEventRow(event);
    try {
      const eventId = await this.#queue.write(
        () => (this.#tables.holds(basis) ? this.#tables.addEvent(row, basis) : undefined),
        context,
      );
      if (eventId === undefined) {
        this.#remembered.forget(event.room_id);
        return { outcome: 'stale' };
      }
      this.#remembered.appended(basis, storedEvent(row, eventId));
      return { outcome: 'appended', eventId };
    } catch (failure) {
      const error = refusalBehind(failure);
      if (error === undefined) throw failure;
      return { outcome: 'refused', error };
    }
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const roomId = event.room_id;
    const row = toEventRow(event);
    const stored = await this.#queue.write(
      () => (this.#tables.hasRoom(roomId) ? { eventId: this.#tables.addEvent(row) } : undefined),
      contextWithTimeout(LOCK_TIMEOUT_MS),
    );
    if (stored !== undefined) this.#remembered.stored(roomId, storedEvent(row, stored.eventId));
    return stored;
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return this.#connection.read(() => {
      // Rooms are never removed: a room that this statement finds is complete in the next one.
      if (!this.#tables.hasRoom(roomId)) return undefined;
      return this.#tables.state(roomId);
    }, contextWithTimeout(LOCK_TIMEOUT_MS));
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#connection.read(() => {
      if (!this.#tables.hasRoom(roomId)) return undefined;
      return this.#tables.page(roomId, after, limit);
    }, contextWithTimeout(LOCK_TIMEOUT_MS));
  }

  claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    return this.#queue.write(() => this.#addresses.claim(key), context);
  }

  settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    context: CallContext,
  ): Promise<StoredAddressInvite> {
    return this.#queue.write(() => this.#addresses.settle(key, claimId, invite), context);
  }

  releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void> {
    return this.#queue.write(() => this.#addresses.release(key, claimId), context);
  }

  forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    return this.#queue.write(() => this.#addresses.forget(key, token), context);
  }
}

function storedEvent({ type, state_key, sender, content }: NewEventRow, event_id: string): FoundEvent {
  return {
    type: fromStoredText(type),
    state_key: fromStoredText(state_key),
    sender: fromStoredText(sender),
    event_id,
    content,
  };
}
