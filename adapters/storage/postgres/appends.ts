import type { CallContext } from '../../../src/ports/context.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { type Append, type Appended, AppendLanes } from '../shared/append-lanes.ts';
import { newEventId } from '../shared/event-id.ts';
import { eventUnder } from '../shared/same-state.ts';
import { fromStoredText, toStoredText } from '../shared/stored-text.ts';
import type { Row } from './encoding.ts';
import { isLockTimeout } from './failures.ts';
import { connectionsOf, type PostgresClient, type PostgresPool, withClient } from './pool.ts';
import type { Statements } from './statements.ts';

/** Milliseconds that a statement of several rooms may wait for locks other than those of the rooms. */
const SHARED_LOCK_TIMEOUT_MS = 50;

/** The waits of a statement: whether it waits for the lock of a room, and the maximum wait for any lock. */
type LockWait = { readonly waits: boolean; readonly lockTimeoutMs: number };

/** The appends of this process. Appends that wait share a statement and a commit. */
export class Appends {
  readonly #pool: PostgresPool;
  readonly #statements: Statements;
  readonly #lockTimeoutMs: number;
  readonly #lanes: AppendLanes<PostgresClient>;

  /** @param lockTimeoutMs milliseconds that an append may wait for the other changes of its room */
  constructor(pool: PostgresPool, statements: Statements, lockTimeoutMs: number) {
    this.#pool = pool;
    this.#statements = statements;
    this.#lockTimeoutMs = lockTimeoutMs;
    this.#lanes = new AppendLanes(connectionsOf(pool), (client, appends, waits) =>
      this.#sendBatch(client, appends, waits),
    );
  }

  /**
   * Appends an event if its basis still holds.
   *
   * @param context ends the wait for a statement; an append that was sent is not interrupted
   * @throws {StorageUnavailableError} (rejects)
   */
  append(append: Append, context: CallContext): Promise<Appended> {
    return this.#lanes.append(append, context);
  }

  /**
   * Appends an event whatever the current state, and waits for the room.
   *
   * @param context ends the wait for a connection
   * @throws {StorageUnavailableError} (rejects)
   */
  async put(event: Append['event'], content: string, context: CallContext): Promise<Appended> {
    const basis = { roomId: event.room_id, keys: [], events: [], revision: undefined };
    const values = appendValues(
      { event, content, basis },
      { waits: true, lockTimeoutMs: this.#lockTimeoutMs },
    );
    const [row] = await withClient(this.#pool, context, (client) =>
      this.#statements.run(client, 'appendEvent', values),
    );
    return toAppended(row);
  }

  /** @param waits true to wait for other changes of the rooms; false to return `busy` for the appends to those rooms */
  async #sendBatch(
    client: PostgresClient,
    appends: readonly Append[],
    waits: boolean,
  ): Promise<readonly Appended[]> {
    const isShared = !waits && appends.length > 1;
    const lockTimeoutMs = isShared
      ? Math.min(this.#lockTimeoutMs, SHARED_LOCK_TIMEOUT_MS)
      : this.#lockTimeoutMs;
    const lockWait = { waits, lockTimeoutMs };
    const [first] = appends;
    try {
      const rows =
        first !== undefined && appends.length === 1
          ? await this.#statements.run(client, 'appendEvent', appendValues(first, lockWait))
          : await this.#statements.run(client, 'appendEvents', batchValues(appends, lockWait));
      return appends.map((_, index) => toAppended(rows[index]));
    } catch (error) {
      if (!isShared || !isLockTimeout(error)) throw error;
      return appends.map(() => 'busy');
    }
  }
}

/** Returns the values of the statement `appendEvent`. */
function appendValues({ basis, ...rest }: Append, { waits, lockTimeoutMs }: LockWait): unknown[] {
  return [waits, lockTimeoutMs, ...basisColumns(basis), ...eventValues(rest)];
}

/** Returns the values of the statement `appendEvents`. */
function batchValues(appends: readonly Append[], { waits, lockTimeoutMs }: LockWait): unknown[] {
  const bases = appends.map(({ basis }) => basisColumns(basis));
  let last = 0;
  const rows = appends.map(({ basis, ...rest }) => {
    const first = last + 1;
    last += basis.keys.length;
    return [first, last, ...eventValues(rest)];
  });
  return [waits, lockTimeoutMs, ...columnsOf(bases).map((column) => column.flat()), ...columnsOf(rows)];
}

function eventValues({ event, content }: Omit<Append, 'basis'>): unknown[] {
  return [
    toStoredText(event.room_id),
    newEventId(event.sender, undefined),
    toStoredText(domainOf(event.sender) ?? ''),
    toStoredText(event.type),
    toStoredText(event.state_key),
    toStoredText(event.sender),
    event.origin_server_ts,
    content,
  ];
}

/** Returns the keys of a basis as columns: types, state keys, and event IDs (empty for a key without an event). */
function basisColumns({ keys, events }: StateSnapshot): readonly (readonly string[])[] {
  return [
    keys.map(({ type }) => toStoredText(type)),
    keys.map(({ state_key }) => toStoredText(state_key)),
    keys.map((key) => {
      const eventId = eventUnder(events, key)?.event_id;
      return eventId === undefined ? '' : toStoredText(eventId);
    }),
  ];
}

/** Turns rows into columns. */
function columnsOf(rows: readonly (readonly unknown[])[]): unknown[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}

/** Reads the result of `append_event`. */
function toAppended(row: Row | undefined): Appended {
  const eventId = row?.event_id;
  if (typeof eventId !== 'string') return 'stale';
  return eventId === '' ? 'busy' : { eventId: fromStoredText(eventId) };
}
