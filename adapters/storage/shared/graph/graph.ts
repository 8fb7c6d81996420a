import { isMatrixError } from '../../../../src/errors.ts';
import { referredIds } from '../../../../src/pdu/event-id.ts';
import { authEventKeys, inviteStateKeys, type Pdu } from '../../../../src/pdu/index.ts';
import { stateEventOf } from '../../../../src/pdu/state-event.ts';
import type { CallContext } from '../../../../src/ports/context.ts';
import type { BuildResult, BuiltInvite } from '../../../../src/ports/room-graph.ts';
import type { Signer } from '../../../../src/ports/signer.ts';
import type { AppendResult, StateSnapshot } from '../../../../src/ports/storage.ts';
import { isSameJson } from '../../../../src/rooms/content.ts';
import type { NewStateEvent } from '../../../../src/rooms/event.ts';
import { checkBasis } from '../same-state.ts';
import { timelineOptions } from '../timeline-options.ts';
import { signedEvent } from './event.ts';
import { firstEvents, type NewFederatedRoom } from './new-room.ts';
import type { BuiltEvent, GraphEvent, GraphRows, GraphTransactions, PageOptions, PduPage } from './rows.ts';
import { Turns } from './turns.ts';

/** The specification's maximum number of `prev_events`. */
const MAX_PREV_EVENTS = 20;

/** Milliseconds for which a retry gets the invite that was built before. */
const BUILT_MS = 3_600_000;

const STALE = { outcome: 'stale' } as const;
const NOT_FEDERATED = { outcome: 'notFederated' } as const;

type Appended = { readonly outcome: 'appended'; readonly eventId: string };

/** An event that is about to be built, and the state that was read for it. */
type Draft = {
  readonly event: NewStateEvent;
  readonly roomVersion: string;
  readonly auth: readonly GraphEvent[];
  readonly prev: readonly GraphEvent[];
  /** The ID of the event that it will replace. */
  readonly replaced: string | undefined;
};

/**
 * Builds, signs and appends the events of rooms that federate. No transaction is open while an event is signed.
 *
 * The events and PDUs passed to a method must not change until the method resolves, so the stores pass copies.
 */
export class Graph {
  readonly #transactions: GraphTransactions;
  readonly #signer: Signer;
  readonly #turns = new Turns();

  constructor(transactions: GraphTransactions, signer: Signer) {
    this.#transactions = transactions;
    this.#signer = signer;
  }

  async build(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<BuildResult> {
    checkBasis(event, basis);
    for (;;) {
      const found = await this.#transactions.read((rows) => {
        const draft = draftOf(rows, event);
        if (draft === undefined) return NOT_FEDERATED;
        if (!rows.holds(basis)) return STALE;
        const built = builtBefore(rows, draft);
        return built === undefined ? draft : toBuilt(rows, draft, built);
      }, context);
      if ('outcome' in found) return found;
      const signed = await signedEvent(found, this.#signer, context);
      const kept = await this.#transactions.write((rows) => {
        if (!rows.holds(basis)) return STALE;
        if (!isAsRead(rows, found)) return undefined;
        return toBuilt(rows, found, builtBefore(rows, found) ?? keep(rows, found, signed));
      }, context);
      if (kept !== undefined) return kept;
    }
  }

  async append(
    { eventId }: BuiltInvite,
    pdu: Pdu,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<AppendResult> {
    const { roomId } = basis;
    checkBasis(stateEventOf(pdu, roomId), basis);
    return this.#transactions.write((rows) => {
      if (!rows.hasEvent(eventId)) {
        if (rows.versionOf(roomId) === undefined || !rows.holds(basis)) return STALE;
        rows.addEvent(roomId, { eventId, pdu });
      }
      rows.removeBuilt(eventId);
      return { outcome: 'appended', eventId };
    }, context);
  }

  discard({ eventId }: BuiltInvite, context: CallContext): Promise<void> {
    return this.#transactions.write((rows) => rows.removeBuilt(eventId), context);
  }

  unfinished(
    { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
    context: CallContext,
  ): Promise<readonly BuiltInvite[]> {
    const until = Date.now() - olderThanMs;
    return this.#transactions.read(
      (rows) =>
        rows.builtUntil(until, limit).flatMap(({ roomId, eventId, pdu }) => {
          const roomVersion = rows.versionOf(roomId);
          if (roomVersion === undefined) return [];
          return [{ eventId, roomVersion, pdu, inviteState: inviteState(rows, roomId, pdu.sender) }];
        }),
      context,
    );
  }

  hasJoinedMember(roomId: string, serverName: string, context: CallContext): Promise<boolean> {
    return this.#transactions.read((rows) => rows.hasJoinedMember(roomId, serverName), context);
  }

  /**
   * Builds, signs and appends an event of this server.
   *
   * @returns undefined for a room that does not federate
   */
  async appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<AppendResult | undefined> {
    checkBasis(event, basis);
    try {
      return await this.#appendIf((rows) => rows.holds(basis), event, context);
    } catch (error) {
      if (isMatrixError(error)) return { outcome: 'refused', error };
      throw error;
    }
  }

  /**
   * Builds, signs and appends an event of this server, whatever the current state is. The events of a room take turns,
   * because each changes what the next one refers to.
   *
   * @param newContext called when it is the event's turn
   * @returns undefined for a room that does not federate
   */
  async putState(
    event: NewStateEvent,
    newContext: () => CallContext,
  ): Promise<{ eventId: string } | undefined> {
    const append = () => this.#appendIf(() => true, event, newContext());
    const result = await this.#turns.run(event.room_id, append);
    return result?.outcome === 'appended' ? { eventId: result.eventId } : undefined;
  }

  /**
   * Creates a room with its whole initial state, or nothing at all. Returns its ID.
   *
   * @param newContext called for each signature, and for the transaction
   */
  async createRoom(room: NewFederatedRoom, newContext: () => CallContext): Promise<string> {
    for (let time = Date.now(); ; time += 1) {
      const { roomId, events } = await firstEvents(room, time, this.#signer, newContext);
      const isCreated = await this.#transactions.write((rows) => {
        // Equal create events have equal hashes, and in room version 12 that is the room's ID.
        if (rows.hasRoom(roomId)) return false;
        rows.addRoom(roomId, room.roomVersion);
        for (const event of events) rows.addEvent(roomId, event);
        return true;
      }, newContext());
      if (isCreated) return roomId;
    }
  }

  /** Returns a part of the room's log, or undefined for a room that does not federate. */
  async page(
    roomId: string,
    options: PageOptions | undefined,
    context: CallContext,
  ): Promise<PduPage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#transactions.read(
      (rows) => (rows.versionOf(roomId) === undefined ? undefined : rows.page(roomId, after, limit)),
      context,
    );
  }

  async #appendIf(
    holds: (rows: GraphRows) => boolean,
    event: NewStateEvent,
    context: CallContext,
  ): Promise<Appended | typeof STALE | undefined> {
    for (;;) {
      const draft = await this.#transactions.read((rows) => draftOf(rows, event), context);
      if (draft === undefined) return undefined;
      const signed = await signedEvent(draft, this.#signer, context);
      const result = await this.#transactions.write((rows) => {
        if (!holds(rows)) return STALE;
        if (!isAsRead(rows, draft)) return undefined;
        rows.addEvent(event.room_id, signed);
        return { outcome: 'appended', eventId: signed.eventId } as const;
      }, context);
      if (result !== undefined) return result;
    }
  }
}

/**
 * Reads what an event will refer to. The ends of the graph come last: whatever another process appends meanwhile, the
 * event's `auth_events` are before it.
 *
 * @returns undefined for a room that does not federate
 */
function draftOf(rows: GraphRows, event: NewStateEvent): Draft | undefined {
  const { room_id } = event;
  const roomVersion = rows.versionOf(room_id);
  if (roomVersion === undefined) return undefined;
  const auth = rows.current(room_id, authEventKeys(event, roomVersion));
  const replaced = rows.current(room_id, [event])[0]?.eventId;
  const prev = rows.ends(room_id, idsOf(auth), MAX_PREV_EVENTS);
  return { event, roomVersion, auth, prev, replaced };
}

/** Returns true if the event would get the same `auth_events` and replace the same event as when it was read. */
function isAsRead(rows: GraphRows, { event, roomVersion, auth, replaced }: Draft): boolean {
  const { room_id } = event;
  const now = rows.current(room_id, authEventKeys(event, roomVersion));
  return isSameJson(idsOf(now), idsOf(auth)) && rows.current(room_id, [event])[0]?.eventId === replaced;
}

/** Returns the PDU that the same event got before, if it may still be used. */
function builtBefore(rows: GraphRows, { event, auth }: Draft): BuiltEvent | undefined {
  return rows.built(event).find(
    ({ pdu, builtAt }) =>
      isSameJson(pdu.content, event.content) &&
      isSameJson(referredIds(pdu.auth_events), idsOf(auth)) &&
      // A clock that was set back does not prolong it.
      Math.abs(Date.now() - builtAt) < BUILT_MS,
  );
}

/** Keeps a PDU for retries, in place of an earlier one of the same event. */
function keep(rows: GraphRows, { event }: Draft, { eventId, pdu }: GraphEvent): GraphEvent {
  for (const earlier of rows.built(event)) {
    if (isSameJson(earlier.pdu.content, event.content)) rows.removeBuilt(earlier.eventId);
  }
  rows.addBuilt(event, { eventId, pdu, builtAt: Date.now() });
  return { eventId, pdu };
}

function toBuilt(rows: GraphRows, { event, roomVersion }: Draft, { eventId, pdu }: GraphEvent): BuildResult {
  const shown = inviteState(rows, event.room_id, event.sender);
  return { outcome: 'built', invite: { eventId, roomVersion, pdu, inviteState: shown } };
}

function inviteState(rows: GraphRows, roomId: string, sender: string): Pdu[] {
  return rows.current(roomId, inviteStateKeys(sender)).map(({ pdu }) => pdu);
}

function idsOf(events: readonly GraphEvent[]): string[] {
  return events.map(({ eventId }) => eventId);
}
