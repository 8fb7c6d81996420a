import { randomUUID } from 'node:crypto';
import { contextWithTimeout } from '../../../src/internal/call-context.ts';
import {
  checkOptions,
  hasMethods,
  integerOption,
  type OptionChecks,
  stringOption,
} from '../../../src/internal/options.ts';
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
import { appendAndRemember } from '../shared/append-and-remember.ts';
import { AppendLanes } from '../shared/append-lanes.ts';
import { newEventId } from '../shared/event-id.ts';
import { CREATE_KEY, isSameKey } from '../shared/state-key.ts';
import { newRememberedState, storedEvent } from '../shared/stored-event.ts';
import { timelineOptions } from '../shared/timeline-options.ts';
import { rowOf, sendAppends } from './appends.ts';
import { numberAt, storedBytes, toRoomEvent } from './encoding.ts';
import { isDuplicate, refusalBehind } from './failures.ts';
import { PendingAddresses } from './pending-addresses.ts';
import { connectionsOf, type MysqlPool, withSession } from './pool.ts';
import { Reads } from './reads.ts';
import { migrate, mysqlTablePrefix } from './schema.ts';
import type { Session } from './session.ts';
import { type Statements, statementsOn } from './statements.ts';

export type { MysqlConnection, MysqlQuery } from './connection.ts';
export type { MysqlPool } from './pool.ts';
export { mysqlSchema } from './schema.ts';

/** Options for {@link MysqlStorage}. */
export type MysqlStorageOptions = {
  /**
   * The prefix of the names of tables, optionally after the name of their database, as in `app.matrix_`. Default
   * `matrix_`, in the database of the connection.
   */
  readonly tablePrefix?: string | undefined;
  /**
   * Milliseconds to wait for a response of the server. Default 10000. After that, the connection is closed because it
   * may be dead, and the outcome of an append is unknown.
   */
  readonly queryTimeoutMs?: number | undefined;
};

const optionChecks: OptionChecks<MysqlStorageOptions> = {
  tablePrefix: stringOption,
  queryTimeoutMs: integerOption('milliseconds'),
};

/** Milliseconds that methods without a context wait for a connection. */
const CONNECTION_TIMEOUT_MS = 5_000;

/** The rows of one statement: those of a large room would not fit into one packet. */
const ROWS_PER_INSERT = 500;

/**
 * Stores rooms in MariaDB 10.6 or later, or MySQL 8. Any number of processes may share the tables.
 *
 * An append compares its basis in one statement and is stored by another one; see {@link mysqlSchema} for the reasons.
 * Reads that wait in the same process share a statement. Appends that wait share their statements and a commit. Two
 * connections therefore serve many callers. The host app owns the pool, and closes it.
 *
 * Every method rejects with a `StorageUnavailableError` if the server fails or cannot be reached. The driver's error is
 * its `cause`. An append that a constraint or a trigger of the host app rejects resolves to `refused`.
 */
export class MysqlStorage implements RoomStore, PendingAddressInvites {
  readonly #pool: MysqlPool;
  readonly #tablePrefix: string;
  readonly #addresses: PendingAddresses;
  readonly #queryTimeoutMs: number;
  readonly #statements: Statements;
  readonly #reads: Reads;
  readonly #appends: AppendLanes<Session>;
  readonly #remembered = newRememberedState();

  /**
   * @param pool a Pool of mysql2/promise, or any object with its `getConnection` method, for a writable server
   * @throws {TypeError} if the pool has no `getConnection` or needs a callback, for an unknown or ill-typed option, and
   *   if the prefix cannot start a name
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(pool: MysqlPool, options: MysqlStorageOptions = {}) {
    // The pool of `mysql2` takes callbacks. Its `promise()` returns that of `mysql2/promise`.
    if (!hasMethods(pool, 'getConnection') || hasMethods(pool, 'promise')) {
      throw new TypeError('MysqlStorage: the first argument must be a Pool of mysql2/promise');
    }
    checkOptions('MysqlStorage', options, optionChecks);
    this.#pool = pool;
    this.#tablePrefix = mysqlTablePrefix(options.tablePrefix);
    this.#addresses = new PendingAddresses(this.#tablePrefix);
    this.#queryTimeoutMs = options.queryTimeoutMs ?? 10_000;
    this.#statements = statementsOn(this.#tablePrefix);
    const connections = connectionsOf(pool, this.#queryTimeoutMs);
    this.#reads = new Reads(connections, this.#statements, this.#remembered);
    this.#appends = new AppendLanes(connections, (session, appends, waits) =>
      sendAppends(session, this.#statements, appends, waits),
    );
  }

  /** Creates the tables or brings them up to date. Leaves tables of a later release as they are. */
  async migrate(): Promise<void> {
    await withSession(this.#pool, undefined, undefined, (session) => migrate(session, this.#tablePrefix));
  }

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const create = state.find((event) => isSameKey(event, CREATE_KEY))?.content;
    return this.#use(async (session) => {
      const rows = state.map((event, index) =>
        rowOf(
          { ...event, room_id: roomId },
          JSON.stringify(event.content),
          index + 1,
          newEventId(event.sender, create),
        ),
      );
      try {
        await session.transaction(async () => {
          for (let first = 0; first < rows.length; first += ROWS_PER_INSERT) {
            await session.run(this.#statements.insert, [rows.slice(first, first + ROWS_PER_INSERT)]);
          }
        });
        return 'created';
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        const found = await session.select(this.#statements.roomExists, [storedBytes(roomId)]);
        // Otherwise, a unique key of the host app.
        if (found.length === 0) throw error;
        return 'exists';
      }
    });
  }

  readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    return this.#reads.read({ roomId, keys }, context);
  }

  appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    const [appends, remembered] = [this.#appends, this.#remembered];
    return appendAndRemember({ appends, remembered, refusalBehind }, event, basis, context);
  }

  recall(roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
    return this.#remembered.recall(roomId, keys);
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const content = JSON.stringify(event.content);
    const basis = { roomId: event.room_id, keys: [], events: [], revision: undefined };
    const context = contextWithTimeout(CONNECTION_TIMEOUT_MS);
    const appended = await this.#appends.append({ event, content, basis }, context);
    if (typeof appended === 'string') return undefined;
    this.#remembered.stored(event.room_id, storedEvent(event, content, appended.eventId));
    return appended;
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    const rows = await this.#use((session) =>
      session.select(this.#statements.roomState, [storedBytes(roomId)]),
    );
    return rows.length === 0 ? undefined : rows.map((row) => toRoomEvent(roomId, row));
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    // At least one, to tell an unknown room from an empty page.
    const values = [after, storedBytes(roomId), Math.max(limit, 1)];
    const rows = await this.#use((session) => session.select(this.#statements.timeline, values));
    if (rows.length === 0) return undefined;
    const present = rows.filter(([position]) => position !== null).slice(0, limit);
    const last = present.at(-1);
    return {
      events: present.map((row) => toRoomEvent(roomId, row)),
      next: last === undefined ? after : numberAt(last, 0),
    };
  }

  claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    const claimId = randomUUID();
    return this.#use((session) => this.#addresses.claim(session, key, claimId), context);
  }

  settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    context: CallContext,
  ): Promise<StoredAddressInvite> {
    return this.#use((session) => this.#addresses.settle(session, key, claimId, invite), context);
  }

  releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void> {
    return this.#use((session) => this.#addresses.release(session, key, claimId), context);
  }

  forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    return this.#use((session) => this.#addresses.forget(session, key, token), context);
  }

  #use<Result>(
    work: (session: Session) => Promise<Result>,
    context: CallContext = contextWithTimeout(CONNECTION_TIMEOUT_MS),
  ): Promise<Result> {
    return withSession(this.#pool, this.#queryTimeoutMs, context, work);
  }
}
