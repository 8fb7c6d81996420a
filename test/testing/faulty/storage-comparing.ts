import type { CallContext } from '../../../src/ports/context.ts';
import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateEvent, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

type Append = [event: NewStateEvent, basis: StateSnapshot, context: CallContext];

/** Compares, waits for its database, then writes. */
export class ChecksThenActs extends ReferenceStorage {
  override async appendEvent(event: NewStateEvent, basis: StateSnapshot): Promise<AppendResult> {
    await pause();
    const room = this.rooms.get(event.room_id);
    if (room === undefined || !this.isAsShown(room, basis)) return { outcome: 'stale' };
    await pause();
    return { outcome: 'appended', eventId: this.store(room, event) };
  }
}

/** Locks the key that it writes, but not the other keys that it compares. */
export class LocksOnlyTheTarget extends ReferenceStorage {
  override async appendEvent(event: NewStateEvent, basis: StateSnapshot): Promise<AppendResult> {
    await pause();
    const room = this.rooms.get(event.room_id);
    if (room === undefined || !this.isAsShown(room, basis)) return { outcome: 'stale' };
    const before = this.current(room, event);
    for (let turns = 0; turns < 3; turns += 1) await pause();
    if (this.current(room, event) !== before) return { outcome: 'stale' };
    return { outcome: 'appended', eventId: this.store(room, event) };
  }
}

/** Compares the events of the basis, but ignores the keys without one. */
export class IgnoresAbsentKeys extends ReferenceStorage {
  override isSame(before: StrippedStateEvent | undefined, now: StateEvent | undefined): boolean {
    return before === undefined || super.isSame(before, now);
  }
}

/** Compares only the key that it writes. */
export class ComparesOnlyTheTarget extends ReferenceStorage {
  override appendEvent(...[event, basis, context]: Append): Promise<AppendResult> {
    return super.appendEvent(event, { ...basis, keys: [event] }, context);
  }
}

/** Compares only sender and content, although it has event IDs. */
export class ComparesContent extends ReferenceStorage {
  override isSame(before: StrippedStateEvent | undefined, now: StateEvent | undefined): boolean {
    return JSON.stringify(before?.content) === JSON.stringify(now?.content) && before?.sender === now?.sender;
  }
}

/** Compares contents, but not senders. */
export class IgnoresTheSender extends ReferenceStorage {
  override isSame(before: StrippedStateEvent | undefined, now: StateEvent | undefined): boolean {
    return JSON.stringify(before?.content) === JSON.stringify(now?.content);
  }
}

/** Has one version number per room. */
export class RoomWideVersion extends ReferenceStorage {
  override async readState(
    ...call: Parameters<ReferenceStorage['readState']>
  ): Promise<StateSnapshot | undefined> {
    const revision = this.rooms.get(call[0])?.log.length;
    const snapshot = await super.readState(...call);
    return snapshot && { ...snapshot, revision };
  }

  override isAsShown(room: ReferenceRoom, basis: StateSnapshot): boolean {
    return room.log.length === basis.revision;
  }
}

/** Writes first, then resolves stale. */
export class WritesAlthoughStale extends ReferenceStorage {
  override async appendEvent(event: NewStateEvent, basis: StateSnapshot): Promise<AppendResult> {
    await pause();
    const room = this.rooms.get(event.room_id);
    if (room === undefined) return { outcome: 'stale' };
    const isAsShown = this.isAsShown(room, basis);
    const eventId = this.store(room, event);
    return isAsShown ? { outcome: 'appended', eventId } : { outcome: 'stale' };
  }
}

/** Does not change the current event on a stale append, but logs the event. */
export class LogsWhatIsStale extends ReferenceStorage {
  override async appendEvent(...[event, basis, context]: Append): Promise<AppendResult> {
    const result = await super.appendEvent(event, basis, context);
    if (result.outcome === 'stale') this.rooms.get(event.room_id)?.log.push({ ...event, event_id: '$stale' });
    return result;
  }
}

/** Ignores its deadline. */
export class IgnoresTheSignal extends ReferenceStorage {
  override appendEvent(event: NewStateEvent, basis: StateSnapshot): Promise<AppendResult> {
    return super.appendEvent(event, basis, { signal: new AbortController().signal });
  }
}
