import { inspect } from 'node:util';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { pino } from 'pino';
import { expect } from 'vitest';
import type { RoomStore, StorageAdapter } from '../../src/ports/storage.ts';
import { invite, invitesOf, seedRoom, setUp } from '../http/support.ts';
import { newRoom } from './storage-room.ts';

const SECRET = 'xyzzy 12 Grüße';
const INVITEE = '@private-person:example.org';

/**
 * Opens a host app whose database may reject what it stores, with a room of Alice and a limit of one invite.
 *
 * @param observer reads and writes on its own connections, before the tables are changed
 * @param reject changes the tables so that they reject a reason with `xyzzy`
 */
export async function openRefusingHost(
  observer: RoomStore,
  storage: StorageAdapter,
  reject: () => Promise<unknown>,
) {
  await observer.migrate();
  const roomId = await seedRoom(observer, { roomId: newRoom().roomId });
  await reject();
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const json = pino({ level: 'debug', serializers: { err: pino.stdSerializers.errWithCause } }, stream);
  const logs: Record<string, unknown>[] = [];
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (details: object, message: string) => {
    logs.push({ level, ...details });
    json[level](details, message);
    lines.push(inspect(details, { depth: 20, showHidden: true }));
  };
  const { app } = setUp({
    storage,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    rateLimit: new MemoryRateLimit({ invitee: { points: 1, durationSeconds: 1_000 } }),
  });
  const invites = (reason: string) => invite(app, { roomId, body: { user_id: INVITEE, reason } });
  const stored = () => invitesOf(observer, INVITEE, roomId);
  return {
    logs,
    invites,
    /**
     * Expects that the secret is refused with a log line that has these fields and no content, and that this has cost
     * nothing.
     */
    async expectRefused(status: number, err: Record<string, unknown>, noise = ''): Promise<void> {
      const refused = await invites(SECRET + noise);
      const errcode = status === 403 ? 'M_FORBIDDEN' : 'M_UNKNOWN';
      expect([refused.status, refused.body.errcode]).toEqual([status, errcode]);
      expect(refused.headers).not.toHaveProperty('retry-after');
      expect(await stored()).toBe(0);
      expect(logs).toMatchObject([{ status, level: status === 403 ? 'info' : 'error', tries: 1, err }]);
      const text = lines.join('\n');
      for (const part of [SECRET, 'xyzzy', 'Grü', 'private-person', Buffer.from('xyzzy').toString('hex')]) {
        // A part of the constraint's own name is no content.
        expect(text.replaceAll('no_xyzzy', '')).not.toContain(part);
      }
      const invited = await invites('welcome');
      expect(invited.status).toBe(200);
      expect(await stored()).toBe(1);
    },
  };
}
