import type { MatrixError } from '../errors.ts';
import type { NewStateEvent, StateEvent, StateKey, StrippedStateEvent } from '../rooms/event.ts';
import type { CallContext } from './context.ts';

/** The current state of a room under some keys, read at a single moment. */
export type StateSnapshot<Revision = unknown> = {
  readonly roomId: string;
  /** The requested keys, in the requested order. */
  readonly keys: readonly StateKey[];
  /** The current event of each key that has one. */
  readonly events: readonly StrippedStateEvent[];
  /** For the adapter's own use: a version, a timestamp or nothing. It is passed back to `appendEvent` unchanged. */
  readonly revision: Revision;
};

/**
 * The result of an append.
 * - `appended`: the event is stored and current. `eventId` is left out if the host has no event IDs.
 * - `stale`: a key of the basis has changed; nothing was stored.
 * - `refused`: the host's own store refuses the event; `error` is the response, and nothing was stored.
 */
export type AppendResult =
  | { readonly outcome: 'appended'; readonly eventId?: string | undefined }
  | { readonly outcome: 'stale' }
  | { readonly outcome: 'refused'; readonly error: MatrixError };

/**
 * Stores a host's rooms. The numbers are promises; the contract kit in `express-matrix-invite/testing` has cases for
 * each.
 */
export interface StorageAdapter<Revision = unknown> {
  /**
   * Reads the current state events under the given keys.
   *
   * 1. It is one consistent read: every returned event was current at the same moment. A key that has no event is left
   *    out of `events`.
   * 2. It resolves `undefined` when this server has no such room.
   * 3. Its cost does not grow with the number of members or events in the room.
   * 4. What it returns shares nothing mutable with the store.
   *
   * A key that is named twice returns its event once.
   *
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached.
   */
  readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot<Revision> | undefined>;

  /**
   * Stores one state event, if the state that it was decided on still holds.
   *
   * 1. It appends the event and makes it current, atomically and durably, if and only if at the moment of the commit
   *    every key of `basis.keys` is as `basis` shows it: an absent one still absent, a present one the same event (or,
   *    where the host keeps no event IDs, the same sender and content). The key of the event itself is always one of
   *    them.
   * 2. Otherwise it changes nothing and resolves `{ outcome: 'stale' }`.
   * 3. Of racing appends on the same key from the same basis, exactly one resolves `appended`.
   * 4. Appends that touch different keys of one room do not make each other stale: any number of parallel invites into
   *    one room all complete. Changes of keys outside the basis never make it stale.
   * 5. Once it has resolved `appended`, a crash of the process or of the store does not lose the event, and `readState`
   *    shows it from every process.
   * 6. It rejects with a `StorageUnavailableError` when the store cannot be reached, or cannot say whether the event was
   *    stored (the connection was lost during the commit). The service then reads again. Where it is certain that
   *    nothing was stored, the error sets `isNotStored`, and the rate limits are refunded.
   * 7. It resolves `{ outcome: 'refused', error }` when the host's own store refuses the event, and then has stored
   *    nothing.
   *
   * A call whose signal is already aborted writes nothing and rejects.
   *
   * @throws {StorageUnavailableError} (rejects) see 6.
   */
  appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<AppendResult>;

  /**
   * Optional. Returns the state under some keys as this process last saw it, without I/O. It may be out of date: the
   * service uses it only to skip a read before an append, which compares it. Every other response is based on
   * `readState`.
   *
   * 1. It returns at once, and never anything but a snapshot or `undefined`.
   * 2. Each event in it was current under its key at some moment. A member that this process has not seen counts as
   *    absent. If it has not seen the room, or another of the keys, it returns `undefined`.
   * 3. `appendEvent` compares it like any other basis. After `stale`, the store no longer returns what was out of date.
   * 4. What it returns shares nothing mutable with the store.
   *
   * The memory that it uses is bounded, however many rooms, members and keys there are.
   */
  recall?(roomId: string, keys: readonly StateKey[]): StateSnapshot<Revision> | undefined;
}

/** A room to create: its create event comes first, and the state is stored as given, without judging it. */
export type NewRoom = {
  readonly roomId: string;
  readonly state: readonly Omit<NewStateEvent, 'room_id'>[];
};

/** A part of a room's log, and the position to continue from. */
export type TimelinePage = { readonly events: StateEvent[]; readonly next: number };

/** A storage adapter that can also create rooms, like the built-in ones, for hosts without a store. */
export interface RoomStore<Revision = unknown> extends StorageAdapter<Revision> {
  /**
   * 1. Creates the tables, or brings them up to date. It may run in many processes at once, any number of times, and
   *    keeps what is stored.
   */
  migrate(): Promise<void>;

  /**
   * 1. Creates a room with its whole initial state, or nothing at all: `exists` when the room already exists.
   * 2. Of racing calls for one room ID, exactly one resolves `created`.
   */
  createRoom(room: NewRoom): Promise<'created' | 'exists'>;

  /**
   * 1. Appends a state event whatever the current state is (a host's own join, ban, kick, rename …).
   * 2. It resolves `undefined` for an unknown room, and then stores nothing.
   */
  putState(event: NewStateEvent): Promise<{ eventId: string } | undefined>;

  /** 1. Returns every current state event, or `undefined` for an unknown room. */
  roomState(roomId: string): Promise<StateEvent[] | undefined>;

  /**
   * Reads the room's log.
   *
   * 1. It is in commit order, starting after a position: a reader that remembers the last `next` never misses an event
   *    and never sees one twice, however commits raced.
   * 2. It resolves `undefined` for an unknown room.
   *
   * @param options.after the `next` of an earlier page; from the start if omitted
   * @param options.limit the maximum number of events to return (default 100)
   */
  timeline(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined>;
}
