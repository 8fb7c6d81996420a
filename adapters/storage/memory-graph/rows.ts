import { referredIds } from '../../../src/pdu/event-id.ts';
import type { Pdu } from '../../../src/pdu/pdu.ts';
import { stateEventOf } from '../../../src/pdu/state-event.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import type { BuiltEvent, BuiltKey, GraphEvent, GraphRows, PduPage } from '../shared/graph/rows.ts';
import { MemoryRoom } from '../shared/memory-room.ts';
import { isSameKey } from '../shared/state-key.ts';

/** A room that federates, in memory. */
type GraphRoom = {
  readonly version: string;
  readonly room: MemoryRoom;
  /** In the order of the log. */
  readonly eventIds: string[];
  /** The ends of the graph with their depths. */
  readonly tips: Map<string, number>;
};

type Built = { readonly key: BuiltKey; readonly built: BuiltEvent };

/** The rooms of a process that federate. */
export class MemoryGraphRows implements GraphRows {
  readonly #rooms = new Map<string, GraphRoom>();
  /** As JSON, so that every reader gets its own object. */
  readonly #pdus = new Map<string, string>();
  /** In the order in which they were built. */
  readonly #built = new Map<string, Built>();

  roomOf(roomId: string): MemoryRoom | undefined {
    return this.#rooms.get(roomId)?.room;
  }

  versionOf(roomId: string): string | undefined {
    return this.#rooms.get(roomId)?.version;
  }

  hasRoom(roomId: string): boolean {
    return this.#rooms.has(roomId);
  }

  addRoom(roomId: string, version: string): void {
    this.#rooms.set(roomId, { version, room: new MemoryRoom(), eventIds: [], tips: new Map() });
  }

  holds(basis: StateSnapshot): boolean {
    return this.roomOf(basis.roomId)?.isStill(basis) ?? false;
  }

  current(roomId: string, keys: readonly StateKey[]): GraphEvent[] {
    const events = this.roomOf(roomId)?.current(keys) ?? [];
    return events.flatMap(({ event_id }) => (event_id === undefined ? [] : this.#event(event_id)));
  }

  hasJoinedMember(roomId: string, serverName: string): boolean {
    const state = this.roomOf(roomId)?.state() ?? [];
    return state.some(
      ({ type, state_key, content }) =>
        type === 'm.room.member' && domainOf(state_key) === serverName && content.membership === 'join',
    );
  }

  hasEvent(eventId: string): boolean {
    return this.#pdus.has(eventId);
  }

  addEvent(roomId: string, { eventId, pdu }: GraphEvent): void {
    const graph = this.#rooms.get(roomId);
    if (graph === undefined) return;
    graph.room.addAs(eventId, stateEventOf(pdu, roomId));
    graph.eventIds.push(eventId);
    this.#pdus.set(eventId, JSON.stringify(pdu));
    for (const prev of referredIds(pdu.prev_events)) graph.tips.delete(prev);
    graph.tips.set(eventId, pdu.depth);
  }

  ends(roomId: string, first: readonly string[], limit: number): GraphEvent[] {
    const tips = [...(this.#rooms.get(roomId)?.tips ?? [])];
    const rank = (eventId: string) => (first.includes(eventId) ? 0 : 1);
    tips.sort(([one, depth], [other, otherDepth]) => rank(one) - rank(other) || otherDepth - depth);
    return tips.slice(0, limit).flatMap(([eventId]) => this.#event(eventId));
  }

  page(roomId: string, after: number, limit: number): PduPage {
    const ids = this.#rooms.get(roomId)?.eventIds.slice(after, after + limit) ?? [];
    return { events: ids.flatMap((eventId) => this.#event(eventId)), next: after + ids.length };
  }

  built(key: BuiltKey): BuiltEvent[] {
    return [...this.#built.values()]
      .filter((each) => isSameBuiltKey(each.key, key))
      .map(({ built }) => structuredClone(built));
  }

  addBuilt({ room_id, type, state_key, sender }: BuiltKey, built: BuiltEvent): void {
    const key = { room_id, type, state_key, sender };
    this.#built.set(built.eventId, { key, built: structuredClone(built) });
  }

  removeBuilt(eventId: string): void {
    this.#built.delete(eventId);
  }

  builtUntil(time: number, limit: number): (BuiltEvent & { readonly roomId: string })[] {
    return [...this.#built.values()]
      .filter(({ built }) => built.builtAt <= time)
      .slice(0, limit)
      .map(({ key, built }) => ({ ...structuredClone(built), roomId: key.room_id }));
  }

  #event(eventId: string): GraphEvent[] {
    const json = this.#pdus.get(eventId);
    return json === undefined ? [] : [{ eventId, pdu: JSON.parse(json) as Pdu }];
  }
}

function isSameBuiltKey(one: BuiltKey, other: BuiltKey): boolean {
  return one.room_id === other.room_id && one.sender === other.sender && isSameKey(one, other);
}
