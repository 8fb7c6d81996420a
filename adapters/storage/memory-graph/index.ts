import { contextWithTimeout } from '../../../src/internal/call-context.ts';
import { checkOptions, type OptionChecks } from '../../../src/internal/options.ts';
import type { Pdu } from '../../../src/pdu/index.ts';
import { signerOption } from '../../../src/pdu/signer-option.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { BuildResult, BuiltInvite, RoomGraph } from '../../../src/ports/room-graph.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import type { AppendResult, NewRoom, StateSnapshot, TimelinePage } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { MemoryStorage } from '../memory.ts';
import { throwIfAborted } from '../shared/aborted.ts';
import { copyOf } from '../shared/graph/event.ts';
import { Graph } from '../shared/graph/graph.ts';
import type { NewFederatedRoom } from '../shared/graph/new-room.ts';
import type { GraphTransactions, PduPage } from '../shared/graph/rows.ts';
import { copyOfKeys } from '../shared/state-key.ts';
import { timelineOptions } from '../shared/timeline-options.ts';
import { MemoryGraphRows } from './rows.ts';

export type { NewFederatedRoom } from '../shared/graph/new-room.ts';
export type { GraphEvent, PduPage } from '../shared/graph/rows.ts';

/** Options for {@link MemoryGraphStorage}. */
export type MemoryGraphStorageOptions = {
  /** Signs the events of the rooms that federate, for the senders' server. */
  readonly signer: Signer;
};

const optionChecks: OptionChecks<MemoryGraphStorageOptions> = { signer: signerOption };

/** For methods without a context. */
const newContext = (): CallContext => contextWithTimeout(5_000);

/**
 * Stores rooms in the memory of one process, like `MemoryStorage`, and also rooms that federate: their events are
 * PDUs, signed and linked into a graph. For demos and tests.
 *
 * A room federates if `createFederatedRoom` created it. A room of `createRoom` always stays local, because its events
 * have random IDs. In a room that federates, only users of the signer's server send events, and only through this store: it
 * does not resolve state conflicts.
 */
export class MemoryGraphStorage extends MemoryStorage implements RoomGraph {
  readonly #rows = new MemoryGraphRows();
  readonly #graph: Graph;

  /**
   * @throws {TypeError} for a missing, unknown or ill-typed option
   * @see [errors, Stores](../../../docs/errors.md#stores)
   */
  constructor(options: MemoryGraphStorageOptions) {
    super();
    const { signer } = checkOptions('MemoryGraphStorage', options, optionChecks);
    const run: GraphTransactions['read'] = async (work, context) => {
      throwIfAborted(context);
      return work(this.#rows);
    };
    this.#graph = new Graph({ read: run, write: run }, signer);
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

  override async createRoom(room: NewRoom): Promise<'created' | 'exists'> {
    return this.#rows.hasRoom(room.roomId) ? 'exists' : super.createRoom(room);
  }

  override async readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    const room = this.#rows.roomOf(roomId);
    if (room === undefined) return super.readState(roomId, keys, context);
    throwIfAborted(context);
    return { roomId, keys: copyOfKeys(keys), events: room.current(keys), revision: undefined };
  }

  override async appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<AppendResult> {
    if (!this.#rows.hasRoom(event.room_id)) return super.appendEvent(event, basis, context);
    return (await this.#graph.appendEvent(copyOf(event), basis, context)) ?? { outcome: 'stale' };
  }

  override async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    if (!this.#rows.hasRoom(event.room_id)) return super.putState(event);
    return this.#graph.putState(copyOf(event), newContext);
  }

  override async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return this.#rows.roomOf(roomId)?.state() ?? super.roomState(roomId);
  }

  override async timeline(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#rows.roomOf(roomId)?.page(after, limit) ?? super.timeline(roomId, options);
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
    return this.#graph.append(invite, copyOf(pdu), basis, context);
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
