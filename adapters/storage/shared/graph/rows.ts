import type { Pdu } from '../../../../src/pdu/index.ts';
import type { CallContext } from '../../../../src/ports/context.ts';
import type { StateSnapshot } from '../../../../src/ports/storage.ts';
import type { StateKey } from '../../../../src/rooms/event.ts';

/** An event with its ID. Only in room versions 1 and 2 does the PDU contain the ID too. */
export type GraphEvent = { readonly eventId: string; readonly pdu: Pdu };

/** A part of a room's log as PDUs, and the position to continue from, which is the same as in `timeline`. */
export type PduPage = { readonly events: GraphEvent[]; readonly next: number };

/** Like the options of `timeline`. */
export type PageOptions = { readonly after?: number | undefined; readonly limit?: number | undefined };

/** An invite that is built and not appended. */
export type BuiltEvent = GraphEvent & {
  /** Unix time in milliseconds. */
  readonly builtAt: number;
};

/** The event that a built one is about: its room, its key and its sender. */
export type BuiltKey = StateKey & { readonly room_id: string; readonly sender: string };

/**
 * The rooms of a store that federate. Each method is synchronous, and runs in the `work` of {@link GraphTransactions}.
 */
export interface GraphRows {
  /** Returns the room's version, or undefined for a room that does not federate. */
  versionOf(roomId: string): string | undefined;
  hasRoom(roomId: string): boolean;
  addRoom(roomId: string, roomVersion: string): void;

  /** Returns true if a basis still holds. */
  holds(basis: StateSnapshot): boolean;
  /** Returns the current event of each key that has one, in the order of the keys. */
  current(roomId: string, keys: readonly StateKey[]): GraphEvent[];
  hasJoinedMember(roomId: string, serverName: string): boolean;

  hasEvent(eventId: string): boolean;
  /** Appends an event to the log, and makes it current and an end of the graph in place of its `prev_events`. */
  addEvent(roomId: string, event: GraphEvent): void;
  /** Returns ends of the room's graph: those of the given IDs first, then the deepest. */
  ends(roomId: string, first: readonly string[], limit: number): GraphEvent[];
  page(roomId: string, after: number, limit: number): PduPage;

  built(key: BuiltKey): BuiltEvent[];
  addBuilt(key: BuiltKey, built: BuiltEvent): void;
  removeBuilt(eventId: string): void;
  /** Returns what was built until a time, the oldest first. */
  builtUntil(time: number, limit: number): (BuiltEvent & { readonly roomId: string })[];
}

/** Runs work on the rows of a store. The work may run several times: only the result of the last time counts. */
export interface GraphTransactions {
  /** @throws {StorageUnavailableError} (rejects) */
  read<T>(work: (rows: GraphRows) => T, context: CallContext): Promise<T>;
  /**
   * Stores all that the work writes, or nothing.
   *
   * @throws {StorageUnavailableError} (rejects)
   */
  write<T>(work: (rows: GraphRows) => T, context: CallContext): Promise<T>;
}
