import { contextWithTimeout } from '../../../src/internal/call-context.ts';
import { checkOptions, type OptionChecks, stringOption } from '../../../src/internal/options.ts';
import type { Pdu } from '../../../src/pdu/index.ts';
import { signerOption } from '../../../src/pdu/signer-option.ts';
import { stateEventOf } from '../../../src/pdu/state-event.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { BuildResult, BuiltInvite, RoomGraph } from '../../../src/ports/room-graph.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateKey } from '../../../src/rooms/event.ts';
import { copyOf } from '../shared/graph/event.ts';
import { Graph } from '../shared/graph/graph.ts';
import type { NewFederatedRoom } from '../shared/graph/new-room.ts';
import type { PduPage } from '../shared/graph/rows.ts';
import { RememberedState } from '../shared/remembered-state.ts';
import { storedEvent } from '../shared/stored-event.ts';
import { SqliteConnection, type SqliteDatabase } from '../sqlite/connection.ts';
import { refusalBehind } from '../sqlite/failures.ts';
import { SqliteStorage } from '../sqlite/index.ts';
import { sqliteTablePrefix } from '../sqlite/schema.ts';
import { type FoundEvent, Tables } from '../sqlite/tables.ts';
import { WriteQueue } from '../sqlite/write-queue.ts';
import { SqliteGraphRows } from './rows.ts';

export type { NewFederatedRoom } from '../shared/graph/new-room.ts';
export type { GraphEvent, PduPage } from '../shared/graph/rows.ts';

/** Options for {@link SqliteGraphStorage}. */
export type SqliteGraphStorageOptions = {
  /** Signs the events of the rooms that federate, for the senders' server. */
  readonly signer: Signer;
  /** The prefix of the names of tables and indexes. Default `matrix_`. */
  readonly tablePrefix?: string | undefined;
};

const optionChecks: OptionChecks<SqliteGraphStorageOptions> = {
  signer: signerOption,
  tablePrefix: stringOption,
};

/** For methods without a context. */
const newContext = (): CallContext => contextWithTimeout(5_000);

/**
 * Stores rooms in an SQLite file, like `SqliteStorage` and in the same tables, and also rooms that federate: their events are
 * PDUs, signed and linked into a graph. Several processes on one machine may share the file.
 *
 * A room federates if `createFederatedRoom` created it. A room of `createRoom` always stays local, because its events
 * have random IDs. In a room that federates, only users of the signer's server send events, and only through this store, not
 * through `SqliteStorage` on the same file: it does not resolve state conflicts.
 */
export class SqliteGraphStorage extends SqliteStorage implements RoomGraph {
  readonly #graph: Graph;
  /** Of the rooms that federate. */
  readonly #remembered: RememberedState<FoundEvent>;

  /**
   * @param database an open connection
   * @throws {TypeError} if the database has no `exec` or `prepare`, for a missing, unknown or ill-typed option, and if the prefix is not a letter or `_`, followed by letters, digits and `_`
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(database: SqliteDatabase, options: SqliteGraphStorageOptions) {
    const { signer, tablePrefix } = checkOptions('SqliteGraphStorage', options, optionChecks);
    super(database, { tablePrefix });
    const connection = new SqliteConnection(database);
    const prefix = sqliteTablePrefix(tablePrefix);
    const tables = new Tables(connection, prefix);
    const rows = new SqliteGraphRows(connection, tables, prefix);
    const queue = new WriteQueue(connection);
    this.#graph = new Graph(
      {
        read: (work, context) => connection.read(() => work(rows), context),
        write: (work, context) => queue.write(() => work(rows), context),
      },
      signer,
    );
    this.#remembered = new RememberedState({
      toEvent: (found) => tables.toStripped(found),
      sizeOf: ({ content }) => (typeof content === 'string' ? content.length : 0),
    });
  }

  /**
   * Creates a room that federates, with its whole initial state, or nothing at all. The events are signed and stored in the
   * given order, without checking whether the room allows them.
   *
   * @returns the room's ID, in room version 12 and later the hash of its create event
   * @throws {TypeError} (rejects) for an unknown room version, and for a sender of another server than the signer's
   * @throws {MatrixError} (rejects) for an event that cannot be a PDU, such as one above 65,536 bytes
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  createFederatedRoom(room: NewFederatedRoom): Promise<string> {
    return this.#graph.createRoom(room, newContext);
  }

  override recall(roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
    return this.#remembered.recall(roomId, keys) ?? super.recall(roomId, keys);
  }

  override async appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<AppendResult> {
    const given = copyOf(event);
    const result = await orRefusal(() => this.#graph.appendEvent(given, basis, context));
    if (result === undefined) return super.appendEvent(given, basis, context);
    if (result.outcome === 'stale') this.#remembered.forget(given.room_id);
    if (result.outcome === 'appended' && result.eventId !== undefined) {
      this.#remembered.appended(basis, storedEvent(given, JSON.stringify(given.content), result.eventId));
    }
    return result;
  }

  override async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const given = copyOf(event);
    const put = await this.#graph.putState(given, newContext);
    if (put === undefined) return super.putState(given);
    this.#remembered.stored(given.room_id, storedEvent(given, JSON.stringify(given.content), put.eventId));
    return put;
  }

  async build(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<BuildResult> {
    return this.#graph.build(copyOf(event), basis, context);
  }

  async append(
    invite: BuiltInvite,
    pdu: Pdu,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<AppendResult> {
    const { roomId } = basis;
    const given = copyOf(pdu);
    const event = stateEventOf(given, roomId);
    const result = await orRefusal(() => this.#graph.append(invite, given, basis, context));
    if (result.outcome === 'stale') this.#remembered.forget(roomId);
    // It may have been appended earlier: this does not prove the basis.
    if (result.outcome === 'appended')
      this.#remembered.stored(roomId, storedEvent(event, JSON.stringify(event.content), invite.eventId));
    return result;
  }

  hasJoinedMember(roomId: string, serverName: string, context: CallContext): Promise<boolean> {
    return this.#graph.hasJoinedMember(roomId, serverName, context);
  }

  discard(invite: BuiltInvite, context: CallContext): Promise<void> {
    return this.#graph.discard(invite, context);
  }

  unfinished(
    options: { readonly olderThanMs: number; readonly limit: number },
    context: CallContext,
  ): Promise<readonly BuiltInvite[]> {
    return this.#graph.unfinished(options, context);
  }

  /**
   * Returns the log of a room that federates as PDUs, with the same positions as `timeline`. Use it to send the events to
   * the servers of the room's members.
   *
   * @param options.after the `next` of an earlier page; from the start if omitted
   * @param options.limit the maximum number of events to return (default 100)
   * @returns undefined for a room that does not federate
   */
  pdus(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<PduPage | undefined> {
    return this.#graph.page(roomId, options, newContext());
  }
}

/** Returns the refusal that a failure stands for, such as a constraint of the host app. */
async function orRefusal<Result>(
  work: () => Promise<Result>,
): Promise<Result | Extract<AppendResult, { outcome: 'refused' }>> {
  try {
    return await work();
  } catch (failure) {
    const error = refusalBehind(failure);
    if (error === undefined) throw failure;
    return { outcome: 'refused', error };
  }
}
