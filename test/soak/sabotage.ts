import { setTimeout as delay } from 'node:timers/promises';
import { newEventId } from '../../adapters/storage/shared/event-id.ts';
import { sameState } from '../../adapters/storage/shared/same-state.ts';
import type { RoomStore, StateSnapshot, StorageAdapter } from '../../src/ports/storage.ts';
import type { Sabotage } from './worker-config.ts';

/** Wraps a store in a storage that is correct without concurrency, but broken with it. */
export function sabotaged(store: RoomStore, sabotage: Sabotage): StorageAdapter {
  switch (sabotage) {
    case 'comparesBeforeTheLock':
      return {
        readState: (...read) => store.readState(...read),
        async appendEvent(event, basis, context) {
          const current = await store.readState(event.room_id, basis.keys, context);
          if (current === undefined || !sameState(basis, current.events)) return { outcome: 'stale' };
          const stored = await store.putState(event);
          return stored === undefined ? { outcome: 'stale' } : { outcome: 'appended', ...stored };
        },
      };
    case 'forgets':
      return {
        readState: (...read) => store.readState(...read),
        async appendEvent(event, basis, context) {
          if (Math.random() > 0.05) return store.appendEvent(event, basis, context);
          return { outcome: 'appended', eventId: newEventId(event.sender, undefined) };
        },
      };
    case 'readsOldState': {
      const read = new Map<string, StateSnapshot | undefined>();
      return {
        async readState(roomId, keys, context) {
          const name = JSON.stringify([roomId, keys]);
          if (!read.has(name)) {
            read.set(name, await store.readState(roomId, keys, context));
            void delay(300).then(() => read.delete(name));
          }
          return read.get(name);
        },
        appendEvent: (...append) => store.appendEvent(...append),
      };
    }
  }
}
