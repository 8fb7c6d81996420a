import type { CallContext } from '../../../src/ports/context.ts';
import type { AppendResult, StateSnapshot, TimelinePage } from '../../../src/ports/storage.ts';
import type {
  JsonObject,
  JsonValue,
  NewStateEvent,
  StateEvent,
  StateKey,
  StrippedStateEvent,
} from '../../../src/rooms/event.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

type Read = [roomId: string, keys: readonly StateKey[], context: CallContext];
type Append = [event: NewStateEvent, basis: StateSnapshot, context: CallContext];

const COLUMNS: ReadonlySet<string> = new Set(['membership', 'displayname', 'avatar_url', 'reason']);

/** Changes the content of what it stores. */
abstract class StoresOtherContent extends ReferenceStorage {
  abstract contentOf(event: NewStateEvent, room: ReferenceRoom): JsonObject;

  override store(room: ReferenceRoom, event: NewStateEvent): string {
    return super.store(room, { ...event, content: this.contentOf(event, room) });
  }
}

/** Has a table of members with a column for each known key. */
export class DropsUnknownKeysOfInvites extends StoresOtherContent {
  contentOf({ type, content }: NewStateEvent): JsonObject {
    if (type !== 'm.room.member') return content;
    return Object.fromEntries(Object.entries(content).filter(([key]) => COLUMNS.has(key)));
  }
}

/** Updates the columns that it has values for, and keeps the others. */
export class MergesContent extends StoresOtherContent {
  contentOf(event: NewStateEvent, room: ReferenceRoom): JsonObject {
    return event.type === 'm.room.member'
      ? { ...this.current(room, event)?.content, ...event.content }
      : event.content;
  }
}

/** Changes every value of a content. */
abstract class ChangesValues extends StoresOtherContent {
  contentOf({ content }: NewStateEvent): JsonObject {
    return Object.fromEntries(Object.entries(content).map(([key, value]) => [key, this.deep(value)]));
  }

  deep(value: JsonValue): JsonValue {
    const changed = this.change(value);
    if (Array.isArray(changed)) return changed.map((member) => this.deep(member));
    if (changed === null || typeof changed !== 'object') return changed;
    return Object.fromEntries(Object.entries(changed).map(([key, member]) => [key, this.deep(member)]));
  }

  abstract change(value: JsonValue): JsonValue;
}

/** Encodes an empty array as an empty object, as Redis's cjson does. */
export class TurnsEmptyArraysIntoObjects extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return Array.isArray(value) && value.length === 0 ? {} : value;
  }
}

/** Encodes an empty object as an empty array, as PHP does with associative arrays. */
export class TurnsEmptyObjectsIntoArrays extends ChangesValues {
  change(value: JsonValue): JsonValue {
    const isEmpty = value !== null && typeof value === 'object' && Object.keys(value).length === 0;
    return isEmpty ? [] : value;
  }
}

/** Stores numbers in integer columns. */
export class CutsFractions extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return typeof value === 'number' ? Math.trunc(value) : value;
  }
}

/** Stores booleans in TINYINT columns. */
export class StoresBooleansAsIntegers extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return typeof value === 'boolean' ? Number(value) : value;
  }
}

/** Reads strings of digits as numbers. */
export class ReadsDigitsAsNumbers extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  }
}

/** Decodes a JSON column that the driver has already decoded. */
export class DecodesTwice extends ChangesValues {
  change(value: JsonValue): JsonValue {
    if (typeof value !== 'string' || !/^[[{]/.test(value)) return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }
}

/** Rewrites timestamps in the database's own format. */
export class ReformatsTimestamps extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return typeof value === 'string' ? value.replace(/^(\d{4}-\d\d-\d\d)T(.*)Z$/, '$1 $2') : value;
  }
}

/** Escapes HTML when it stores. */
export class EscapesHtml extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return typeof value === 'string' ? value.replaceAll('&', '&amp;').replaceAll('<', '&lt;') : value;
  }
}

/** Stores arrays as sets. */
export class DropsRepeatedElements extends ChangesValues {
  change(value: JsonValue): JsonValue {
    return Array.isArray(value) ? [...new Set(value)] : value;
  }
}

/** Drops keys that start with a dollar sign, as sanitizers for MongoDB do. */
export class DropsDollarKeys extends ChangesValues {
  change(value: JsonValue): JsonValue {
    if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('$')));
  }
}

/** Shows the inviter's column `created_by`, which is the room's creator. */
export class SendsAsTheCreator extends ReferenceStorage {
  override async appendEvent(...[event, basis, context]: Append): Promise<AppendResult> {
    const room = this.rooms.get(event.room_id);
    const sender = room?.log[0]?.sender ?? event.sender;
    return super.appendEvent({ ...event, sender }, basis, context);
  }
}

/** Treats the event with the latest timestamp as current. */
export class LastWriteWins extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    const current = this.current(room, event);
    const eventId = super.store(room, event);
    if (current !== undefined && current.origin_server_ts > event.origin_server_ts)
      room.current.set(this.keyText(event), current);
    return eventId;
  }
}

/** Takes an update that changed no row for a lost race, as with MySQL's count of changed rows. */
export class UnchangedRowsAreStale extends ReferenceStorage {
  override async appendEvent(...[event, basis, context]: Append): Promise<AppendResult> {
    const room = this.rooms.get(event.room_id);
    const current = room && this.current(room, event);
    const isEqual = JSON.stringify(current?.content) === JSON.stringify(event.content);
    if (isEqual && current?.sender === event.sender) return { outcome: 'stale' };
    return super.appendEvent(event, basis, context);
  }
}

/** Reads the first page of a room's state. */
export class ReadsOnePageOfState extends ReferenceStorage {
  override current(room: ReferenceRoom, key: StateKey): StateEvent | undefined {
    const found = super.current(room, key);
    if (room.current.size <= 1_000) return found;
    const page = [...room.current.values()].slice(0, 1_000);
    return found && page.includes(found) ? found : undefined;
  }
}

/** Joins type and state key with a colon. */
export class JoinsKeysByColons extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return `${type}:${state_key}`;
  }
}

/** Joins type and state key with a line feed. */
export class JoinsKeysByLineFeeds extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return `${type}\n${state_key}`;
  }
}

/** Compares as many keys as one transaction of DynamoDB once allowed. */
export class ComparesTheFirst25Keys extends ReferenceStorage {
  override isAsShown(room: ReferenceRoom, basis: StateSnapshot): boolean {
    return super.isAsShown(room, { ...basis, keys: basis.keys.slice(0, 25) });
  }
}

/** Reads as many keys as one batch of DynamoDB allows. */
export class ReadsTheFirst100Keys extends ReferenceStorage {
  override readState(...[roomId, keys, context]: Read): Promise<StateSnapshot | undefined> {
    const read = super.readState(roomId, keys.slice(0, 100), context);
    return read.then((snapshot) => snapshot && { ...snapshot, keys });
  }
}

/** Returns contents that are read from the current row when they are first used. */
export class ReadsContentLater extends ReferenceStorage {
  override async readState(...[roomId, keys, context]: Read): Promise<StateSnapshot | undefined> {
    const snapshot = await super.readState(roomId, keys, context);
    const events = snapshot?.events.map((event): StrippedStateEvent => {
      const contentNow = () => {
        const room = this.rooms.get(roomId);
        return structuredClone((room && this.current(room, event)?.content) ?? event.content);
      };
      return Object.defineProperty({ ...event }, 'content', { enumerable: true, get: contentNow });
    });
    return snapshot && events && { ...snapshot, events };
  }
}

/** Gives up when too many wait. */
export class StaleAbove250 extends ReferenceStorage {
  waiting = 0;

  override async appendEvent(...append: Append): Promise<AppendResult> {
    if (this.waiting >= 250) return { outcome: 'stale' };
    this.waiting += 1;
    try {
      return await super.appendEvent(...append);
    } finally {
      this.waiting -= 1;
    }
  }
}

/** Resolves stale for a call whose signal is already aborted. */
export class AbortedIsStale extends ReferenceStorage {
  override async appendEvent(...append: Append): Promise<AppendResult> {
    return append[2].signal.aborted ? { outcome: 'stale' } : super.appendEvent(...append);
  }
}

/** Resolves stale if the signal is aborted while it waits. */
export class AbortedMidwayIsStale extends ReferenceStorage {
  override async appendEvent(...append: Append): Promise<AppendResult> {
    const result = await super.appendEvent(...append);
    return append[2].signal.aborted ? { outcome: 'stale' } : result;
  }
}

/** Remembers rooms that it did not find. */
export class RemembersUnknownRooms extends ReferenceStorage {
  readonly unknown: Set<string> = new Set();

  override async readState(...read: Read): Promise<StateSnapshot | undefined> {
    const [roomId] = read;
    if (this.unknown.has(roomId)) return undefined;
    const snapshot = await super.readState(...read);
    if (snapshot === undefined) this.unknown.add(roomId);
    return snapshot;
  }

  override async createRoom(...[room]: Parameters<ReferenceStorage['createRoom']>) {
    this.unknown.delete(room.roomId);
    return super.createRoom(room);
  }
}

/** Writes the state, then the log, and stops in between if the signal is aborted. */
export class AbortsBetweenStateAndLog extends ReferenceStorage {
  override async appendEvent(...[event, basis, { signal }]: Append): Promise<AppendResult> {
    signal.throwIfAborted();
    await pause();
    const room = this.rooms.get(event.room_id);
    if (room === undefined || !this.isAsShown(room, basis)) return { outcome: 'stale' };
    const eventId = this.store(room, event);
    const logged = room.log.pop();
    await pause();
    signal.throwIfAborted();
    if (logged !== undefined) room.log.push(logged);
    return { outcome: 'appended', eventId };
  }
}

/** The end of each room's log, which is not written yet. */
const unwritten = new WeakMap<ReferenceRoom, StateEvent[]>();

/** Commits the state, and writes the log later. */
export class LosesTheLogInACrash extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    const eventId = super.store(room, event);
    unwritten.set(room, [...(unwritten.get(room) ?? []), ...room.log.splice(-1)]);
    return eventId;
  }

  override async timeline(
    roomId: string,
    { after = 0, limit = 100 }: { after?: number; limit?: number } = {},
  ): Promise<TimelinePage | undefined> {
    await pause();
    const room = this.rooms.get(roomId);
    const log = room && [...room.log, ...(unwritten.get(room) ?? [])].slice(after, after + limit);
    return log && { events: structuredClone(log), next: after + log.length };
  }
}

/** Starts a page of the log at the position, not after it. */
export class StartsAtThePosition extends ReferenceStorage {
  override async timeline(
    roomId: string,
    { after = 0, limit = 100 }: { after?: number; limit?: number } = {},
  ): Promise<TimelinePage | undefined> {
    const page = await super.timeline(roomId, { after: Math.max(0, after - 1), limit });
    return page && { events: page.events, next: Math.max(after, page.next) };
  }
}

/** Returns one page of a room's state. */
export class ReturnsOnePageOfState extends ReferenceStorage {
  override async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return (await super.roomState(roomId))?.slice(0, 1_000);
  }
}

/** Joins its log with the current state. */
export class LogsCurrentContent extends ReferenceStorage {
  override async timeline(
    ...call: Parameters<ReferenceStorage['timeline']>
  ): Promise<TimelinePage | undefined> {
    const [page, room] = [await super.timeline(...call), this.rooms.get(call[0])];
    const events = page?.events.map((event) => {
      const { sender, content } = (room && this.current(room, event)) ?? event;
      return { ...event, sender, content: structuredClone(content) };
    });
    return page && events && { ...page, events };
  }
}
