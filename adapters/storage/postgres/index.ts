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
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { roomVersionOf } from '../../../src/rooms/room-version.ts';
import { contextFor } from '../shared/deadline.ts';
import { newEventId } from '../shared/event-id.ts';
import { checkBasis } from '../shared/same-state.ts';
import { CREATE_KEY, keyText } from '../shared/state-key.ts';
import { timelineOptions } from '../shared/timeline-options.ts';
import { type Append, type Appended, AppendQueue } from './append-queue.ts';
import { appendValues, batchValues } from './append-values.ts';
import { isConflict, isLockTimeout } from './failures.ts';
import { Lane, SHARED_PATIENCE_MS } from './lane.ts';
import { migrate } from './migrate.ts';
import { type PostgresClient, type PostgresPool, withClient } from './pool.ts';
import { type Read, readValues, snapshotsOf } from './read-values.ts';
import { presentRows, toStateEvent } from './rows.ts';
import { checkTablePrefix, DEFAULT_TABLE_PREFIX } from './schema.ts';
import { type StatementName, type Statements, statementsOn } from './statements.ts';
import { fromStoredText, toStoredText } from './text.ts';
import { inReadCommitted } from './transaction.ts';

export type { PostgresClient, PostgresPool, PostgresQuery } from './pool.ts';
export { postgresSchema } from './schema.ts';

/** The options of {@link PostgresStorage}. */
export type PostgresStorageOptions = {
  /** What the names of tables and functions start with. Default `matrix_`. */
  readonly tablePrefix?: string;
  /**
   * Whether statements are prepared, once a connection. Default true; false where a pooler in transaction mode does
   * not keep them (PgBouncer before 1.21, or with `max_prepared_statements = 0`).
   */
  readonly preparedStatements?: boolean;
  /** How long a change may wait for the other changes of its room, in milliseconds. Default 5000. */
  readonly lockTimeoutMs?: number;
  /**
   * How long an answer of the server is waited for, in milliseconds. Default 10000. Then the connection is given up,
   * since it may lead noop any more; what became of an append is not known.
   */
  readonly queryTimeoutMs?: number;
};

const optionChecks: OptionChecks<PostgresStorageOptions> = {
  tablePrefix: stringOption,
  preparedStatements: booleanOption,
  lockTimeoutMs: integerOption('milliseconds'),
  queryTimeoutMs: integerOption('milliseconds'),
};

/** How long methods that take no signal wait for a connection. */
const LONGEST_WAIT_MS = 5_000;

/** How long appends of many rooms may wait together for what is locked beside the rooms themselves. */
const SHARED_LOCK_TIMEOUT_MS = 50;

/**
 * Rooms in PostgreSQL 13 or later, which any number of processes may share.
 *
 * Reading a room's state and appending an event are one round trip each. Changes of one room take turns at the lock
 * of its row; see {@link postgresSchema} for why. Reads that wait in the same process share a statement, and so do
 * appends, with its commit: two connections serve many callers. The pool stays the host's: it sets timeouts for
 * connecting, and closes it.
 *
 * Every method rejects with a `StorageUnavailableError` when PostgreSQL fails or cannot be reached; the driver's
 * error is its `cause`.
 */
export class PostgresStorage implements RoomStore {
  readonly #pool: PostgresPool;
  readonly #tablePrefix: string;
  readonly #lockTimeoutMs: number;
  readonly #queryTimeoutMs: number;
  readonly #statements: Statements;
  readonly #reads: Lane<Read, StateSnapshot | undefined>;
  readonly #appends: AppendQueue;

  /**
   * @param pool a Pool of pg, or anything with its `connect`, on a server that can be written to
   * @throws {TypeError} for what is no pool, for an unknown or ill-typed option, and when the prefix cannot start a name
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(pool: PostgresPool, options: PostgresStorageOptions = {}) {
    if (!hasMethods(pool, 'connect')) throw new TypeError('PostgresStorage takes a Pool of pg');
    checkOptions('PostgresStorage', options, optionChecks);
    const { tablePrefix = DEFAULT_TABLE_PREFIX, preparedStatements = true } = options;
    checkTablePrefix(tablePrefix);
    this.#pool = pool;
    this.#tablePrefix = tablePrefix;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? 5_000;
    this.#queryTimeoutMs = options.queryTimeoutMs ?? 10_000;
    this.#statements = statementsOn(tablePrefix, preparedStatements);
    this.#reads = new Lane(pool, (client, reads) => this.#readAll(client, reads), {
      patienceMs: SHARED_PATIENCE_MS,
    });
    this.#appends = new AppendQueue(pool, (client, appends, waits) =>
      this.#appendAll(client, appends, waits),
    );
  }

  /** Goes forward only: tables that a later release has made are left as they are. */
  async migrate(): Promise<void> {
    await withClient(this.#pool, undefined, (client) => migrate(client, this.#tablePrefix));
  }

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    const create = state.find((event) => keyText(event) === keyText(CREATE_KEY))?.content;
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
    return this.#reads.do({ roomId, keys }, context);
  }

  async appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    checkBasis(event, basis);
    const appended = await this.#appends.append({ event, basis }, context);
    return typeof appended === 'string' ? { outcome: 'stale' } : { outcome: 'appended', ...appended };
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const basis = { roomId: event.room_id, keys: [], events: [], revision: undefined };
    const patience = { waits: true, lockTimeoutMs: this.#lockTimeoutMs };
    const [row = {}] = await this.#run('appendEvent', appendValues({ event, basis }, patience));
    const appended = appendedBy(row);
    return typeof appended === 'string' ? undefined : appended;
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    const rows = await this.#run('roomState', [toStoredText(roomId)]);
    return rows.length === 0 ? undefined : presentRows(rows).map((row) => toStateEvent(roomId, row));
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    const rows = await this.#run('timeline', [toStoredText(roomId), after, limit]);
    if (rows.length === 0) return undefined;
    const present = presentRows(rows);
    return {
      events: present.map((row) => toStateEvent(roomId, row)),
      next: Number(present.at(-1)?.position ?? after),
    };
  }

  async #readAll(client: PostgresClient, reads: readonly Read[]): Promise<(StateSnapshot | undefined)[]> {
    return snapshotsOf(reads, await this.#ask(client, 'readState', readValues(reads)));
  }

  async #appendAll(
    client: PostgresClient,
    appends: readonly Append[],
    waits: boolean,
  ): Promise<readonly Appended[]> {
    const [first] = appends;
    const isShared = !waits && appends.length > 1;
    const lockTimeoutMs = isShared
      ? Math.min(this.#lockTimeoutMs, SHARED_LOCK_TIMEOUT_MS)
      : this.#lockTimeoutMs;
    try {
      const rows =
        first !== undefined && appends.length === 1
          ? await this.#ask(client, 'appendEvent', appendValues(first, { waits, lockTimeoutMs }))
          : await this.#ask(client, 'appendEvents', batchValues(appends, { waits, lockTimeoutMs }));
      return rows.map(appendedBy);
    } catch (error) {
      if (!isShared || !isLockTimeout(error)) throw error;
      return appends.map(() => 'busy');
    }
  }

  async #run(
    name: StatementName,
    values: unknown[],
    context: CallContext = contextFor(LONGEST_WAIT_MS),
  ): Promise<Record<string, unknown>[]> {
    return withClient(this.#pool, context, (client) => this.#ask(client, name, values));
  }

  async #ask(
    client: PostgresClient,
    name: StatementName,
    values: unknown[],
  ): Promise<Record<string, unknown>[]> {
    const query = { ...this.#statements[name], values, query_timeout: this.#queryTimeoutMs };
    try {
      return (await client.query(query)).rows;
    } catch (error) {
      if (!isConflict(error)) throw error;
      return (await inReadCommitted(client, () => client.query(query))).rows;
    }
  }
}

/** What `append_event` says. */
function appendedBy({ event_id }: Record<string, unknown>): Appended {
  if (typeof event_id !== 'string') return 'stale';
  return event_id === '' ? 'busy' : { eventId: fromStoredText(event_id) };
}
