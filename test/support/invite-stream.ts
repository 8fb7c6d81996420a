import { writeSync } from 'node:fs';
import type { StorageAdapter } from '../../src/ports/storage.ts';
import { invite } from './storage-room.ts';

/** Invites users, eight at a time, and prints each event ID once the event is appended. */
export async function inviteStream(
  storage: StorageAdapter,
  [roomId = '', prefix = '', count = '']: readonly string[],
): Promise<void> {
  let next = 0;

  async function inviteUntilDone(): Promise<void> {
    while (next < Number(count)) {
      const userId = `@${prefix}${next}:example.org`;
      next += 1;
      const result = await invite(storage, roomId, userId);
      if (result.outcome !== 'appended') throw new Error(result.outcome);
      writeSync(1, `${result.eventId}\n`);
    }
  }

  await Promise.all(Array.from({ length: 8 }, inviteUntilDone));
}
