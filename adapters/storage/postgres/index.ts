import { randomUUID } from 'node:crypto';
import { contextWithTimeout } from '../../../src/internal/call-context.ts';
import {
  booleanOption,
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
import { roomVersionOf } from '../../../src/rooms/room-version.ts';
import { appendAndRemember } from '../shared/append-and-remember.ts';
import { inProgress } from '../shared/claim.ts';
import { newEventId } from '../shared/event-id.ts';
import { CREATE_KEY, isSameKey } from '../shared/state-key.ts';
import { newRememberedState, storedEvent } from '../shared/stored-event.ts';
import { toStoredText } from '../shared/stored-text.ts';
import { timelineOptions } from '../shared/timeline-options.ts';
import { Appends } from './appends.ts';
import { type Row, rowsWithEvent, toStateEvents } from './encoding.ts';
import { refusalBehind } from './failures.ts';
import { type PostgresPool, withClient } from './pool.ts';
import { Reads } from './reads.ts';
import { migrate, postgresTablePrefix } from './schema.ts';
import { type StatementName, Statements } from './statements.ts';

export type { PostgresClient, PostgresPool, PostgresQuery } from './pool.ts';
export { postgresSchema } from './schema.ts';

/** Options for {@link PostgresStorage}. */
export type PostgresStorageOptions = {
  /**
   * The prefix of the names of tables and functions, optionally after the name of their schema, as in `app.matrix_`.
   * Default `matrix_`, in the schema that `search_path` names.
   */
  readonly tablePrefix?: string | undefined;
  /**
   * Whether to prepare statements, once on each connection. Default true. Set it to false behind a pooler in
   * transaction mode that does not keep prepared statements (PgBouncer before 1.21, or with
   * `max_prepared_statements = 0`).
   */
  readonly preparedStatements?: boolean | undefined;
  /** Milliseconds that a change may wait for other changes of its room. Default 5000. */
  readonly lockTimeoutMs?: number | undefined;
  /**
   * Milliseconds to wait for a response of the server. Default 10000. After that, the connection is closed because it
   * may be dead, and the outcome of an append is unknown.
   */
  readonly queryTimeoutMs?: number | undefined;
};

const optionChecks: OptionChecks<PostgresStorageOptions> = {
  tablePrefix: stringOption,
  preparedStatements: booleanOption,
  lockTimeoutMs: integerOption('milliseconds'),
  queryTimeoutMs: integerOption('milliseconds'),
};

/** Milliseconds that methods without a context wait for a connection. */
const CONNECTION_TIMEOUT_MS = 5_000;

/**
 * Stores rooms in PostgreSQL 13 or later. Any number of processes may share the tables.
 *
 * Reading a room's state and appending an event take one round trip each. Changes of one room take turns at the lock of
 * its row; see {@link postgresSchema} for the reasons. Reads that wait in the same process share a statement. Appends
 * that wait share a statement and a commit. Two connections therefore serve many callers. The host app owns the pool:
 * it sets the timeout for connecting, and closes the pool.
 *
 * Every method rejects with a `StorageUnavailableError` if PostgreSQL fails or cannot be reached. The driver's error is
 * its `cause`. An append that a constraint or a trigger of the host app rejects resolves to `refused`.
 */
export class PostgresStorage implements RoomStore, PendingAddressInvites {
  readonly #pool: PostgresPool;
  readonly #tablePrefix: string;
  readonly #statements: Statements;
  readonly #reads: Reads;
  readonly #appends: Appends;
  readonly #remembered = newRememberedState();

  /**
   * @param pool a Pool of pg, or any object with its `connect` method, for a writable server
   * @throws {TypeError} if the pool has no `connect`, for an unknown or ill-typed option, and if the prefix cannot start a name
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(pool: PostgresPool, options: PostgresStorageOptions = {}) {
    // A pg `Client` connects only once, and its `connect` resolves to nothing that can be released.
    if (!hasMethods(pool, 'connect') || 'connectionParameters' in pool) {
      throw new TypeError('PostgresStorage: the first argument must be a pg Pool');
    }
    checkOptions('PostgresStorage', options, optionChecks);
    const { preparedStatements = true, lockTimeoutMs = 5_000, queryTimeoutMs = 10_000 } = options;
    this.#pool = pool;
    this.#tablePrefix = postgresTablePrefix(options.tablePrefix);
    this.#statements = new Statements({
      tablePrefix: this.#tablePrefix,
      preparedStatements,
      queryTimeoutMs,
    });
    this.#reads = new Reads(pool, this.#statements, this.#remembered);
    this.#appends = new Appends(pool, this.#statements, lockTimeoutMs);
  }

  /** Creates the tables or brings them up to date. Leaves tables of a later release as they are. */
  async migrate(): Promise<void> {
    await withClient(this.#pool, undefined, (client) => migrate(client, this.#tablePrefix));
  }

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const create = state.find((event) => isSameKey(event, CREATE_KEY))?.content;
    const rows = await this.#run('createRoom', [
      toStoredText(roomId),
      (create && roomVersionOf(create)?.eventIdHasDomain) ?? false,
      state.map(({ sender }) => toStoredText(newEventId(sender, create))),
      state.map(({ type }) => toStoredText(type)),
      state.map(({ state_key }) => toStoredText(state_key)),
      state.map(({ sender }) => toStoredText(sender)),
      state.map(({ origin_server_ts }) => origin_server_ts),
      state.map(({ content }) => JSON.stringify(content)),
    ]);
    return rows.length === 0 ? 'exists' : 'created';
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
    const appended = await this.#appends.put(event, content, contextWithTimeout(CONNECTION_TIMEOUT_MS));
    if (typeof appended === 'string') return undefined;
    this.#remembered.stored(event.room_id, storedEvent(event, content, appended.eventId));
    return appended;
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    const rows = await this.#run('roomState', [toStoredText(roomId)]);
    return rows.length === 0 ? undefined : toStateEvents(roomId, rowsWithEvent(rows));
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    const rows = await this.#run('timeline', [toStoredText(roomId), after, limit]);
    if (rows.length === 0) return undefined;
    const present = rowsWithEvent(rows);
    return {
      events: toStateEvents(roomId, present),
      next: Number(present.at(-1)?.position ?? after),
    };
  }

  async claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    const [row] = await this.#run('claimAddress', [...columnsOf(key), randomUUID()], context);
    if (typeof row?.claim_id === 'string') return { outcome: 'claimed', claimId: row.claim_id };
    return typeof row?.invite === 'string'
      ? { outcome: 'stored', invite: JSON.parse(row.invite) }
      : inProgress(Number(row?.remaining_ms));
  }

  async settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    context: CallContext,
  ): Promise<StoredAddressInvite> {
    const values = [...columnsOf(key), claimId, invite.token, JSON.stringify(invite)];
    const [row] = await this.#run('settleAddress', values, context);
    return JSON.parse(row?.invite as string);
  }

  async releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void> {
    await this.#run('releaseAddress', [...columnsOf(key), claimId], context);
  }

  async forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    await this.#run('forgetAddress', [...columnsOf(key), token], context);
  }

  #run(
    name: StatementName,
    values: unknown[],
    context: CallContext = contextWithTimeout(CONNECTION_TIMEOUT_MS),
  ): Promise<readonly Row[]> {
    return withClient(this.#pool, context, (client) => this.#statements.run(client, name, values));
  }
}

function columnsOf({ roomId, addressHash }: AddressKey): [string, string] {
  return [toStoredText(roomId), addressHash];
}
