import { describe, expect, it } from 'vitest';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { Child } from './child.ts';
import { newRoom } from './storage-room.ts';

async function newRoomOn(storage: RoomStore): Promise<string> {
  const room = newRoom();
  await storage.createRoom(room);
  return room.roomId;
}

/**
 * Tests processes that share a database.
 *
 * @param inviter starts a process that invites users of some name, and prints each event ID
 */
export function testSharingProcesses(
  storage: () => RoomStore,
  inviter: (roomId: string, name: string, count: number) => Child,
): void {
  describe('processes that share a database', () => {
    it('append at the same time, and a reader misses nothing', { timeout: 240_000 }, async () => {
      const roomId = await newRoomOn(storage());
      const children = ['a', 'b', 'c', 'd'].map((name) => inviter(roomId, name, 250));
      let areRunning = true;
      const ends = Promise.all(children.map((child) => child.end())).finally(() => {
        areRunning = false;
      });

      const seen: string[] = [];
      let pagesWhileRunning = 0;
      let after = 0;
      const readOn = async () => {
        const page = await storage().timeline(roomId, { after, limit: 7 });
        seen.push(...(page?.events ?? []).map(({ event_id }) => event_id));
        after = page?.next ?? after;
        return page?.events.length ?? 0;
      };
      while (areRunning) {
        if ((await readOn()) > 0) pagesWhileRunning += 1;
        else await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await ends;
      while ((await readOn()) > 0);

      expect(pagesWhileRunning).toBeGreaterThan(5);
      const appended = children.flatMap((child) => child.lines);
      expect(appended).toHaveLength(1_000);
      expect(seen).toHaveLength(1_002);
      expect(new Set(seen.slice(2))).toEqual(new Set(appended));
      expect(after).toBe(1_002);
      const log = (await storage().timeline(roomId, { limit: 2_000 }))?.events ?? [];
      expect(log.map(({ event_id }) => event_id)).toEqual(seen);
      expect(await storage().roomState(roomId)).toHaveLength(1_002);
    });

    it('lose no invite when one of them is killed', { timeout: 240_000 }, async () => {
      const roomId = await newRoomOn(storage());
      const child = inviter(roomId, 'user', 1_000_000);
      await child.hasPrinted(150);
      await child.kill();
      const survivor = inviter(roomId, 'other', 50);
      await survivor.end();
      const log = (await storage().timeline(roomId, { limit: 1_000_000 }))?.events ?? [];
      expect(log.map(({ event_id }) => event_id)).toEqual(
        expect.arrayContaining([...child.lines, ...survivor.lines]),
      );
      expect(new Set(log.map(({ state_key }) => state_key)).size).toBe(log.length);
      expect(await storage().roomState(roomId)).toHaveLength(log.length);
    });
  });
}
