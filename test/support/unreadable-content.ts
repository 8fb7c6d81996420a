import { createInviteService } from 'express-matrix-invite';
import { expect } from 'vitest';
import type { RoomStore, StorageAdapter } from '../../src/ports/storage.ts';
import type { StateKey } from '../../src/rooms/event.ts';
import {
  ALICE,
  BOB,
  CAROL,
  expectRefusal,
  invite,
  MALLORY,
  recordingLogger,
  seedRoom,
  setUp,
} from '../http/support.ts';

const POWER_LEVELS: StateKey = { type: 'm.room.power_levels', state_key: '' };
const POLICY_KEY: StateKey = { type: 'org.example.policy', state_key: '' };

/** Returns power levels that name 1,500 users. */
export function manyPowerLevels() {
  return { users: Object.fromEntries([ALICE, ...guests(1_500)].map((userId) => [userId, 100])) };
}

function guests(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `@guest${index}:example.org`);
}

/** Stored contents that are not JSON, small and large. */
export const UNREADABLE: Readonly<Record<string, string>> = {
  'that ends too early': '{"reason":"secret words"',
  'that would end the event': '{"reason":"secret words"},"sender":"@mallory:example.org"',
  'that is empty': '',
  'that is large': `{"reason":"${'secret words '.repeat(5_000)}`,
};

/** Changes the stored content of the current event under a key, behind the store's back. */
export type Overwrite = (roomId: string, key: StateKey, content: string) => Promise<unknown>;

/** Expects that an unreadable content fails only the invites that depend on it. */
export async function expectToFailAlone(
  storage: RoomStore,
  roomId: string,
  overwrite: Overwrite,
  content: string,
): Promise<void> {
  const { logger, lines } = recordingLogger();
  const asked: string[] = [];
  // What is remembered is not read again.
  const forgetful: StorageAdapter = {
    readState: (...read) => storage.readState(...read),
    appendEvent: (...append) => storage.appendEvent(...append),
  };
  const { app } = setUp({
    storage: forgetful,
    logger,
    policies: [
      {
        name: 'test',
        stateKeys: ({ userId }) => (userId === CAROL ? [POLICY_KEY] : []),
        decide(request) {
          if (request.userId === CAROL) expect(request.state.events).toHaveLength(5);
          asked.push(request.userId);
          return undefined;
        },
      },
    ],
  });
  const service = createInviteService({
    serverName: 'example.org',
    storage: forgetful,
    rateLimit: false,
    logger,
  });
  await seedRoom(storage, {
    roomId,
    powerLevels: manyPowerLevels(),
    members: { '@banned:example.org': 'ban' },
  });
  const levels = { ...POWER_LEVELS, room_id: roomId, sender: ALICE, origin_server_ts: 2, content: {} };
  await storage.putState({ ...levels, ...POLICY_KEY });

  // The policy's own state: only the invite for which it was asked cannot be decided.
  await overwrite(roomId, POLICY_KEY, content);
  expectRefusal(await invite(app, { roomId, body: { user_id: CAROL } }), 503, 'M_UNKNOWN');
  expect(asked).toEqual([]);
  expect((await invite(app, { roomId })).status).toBe(200);
  expect(asked).toEqual([BOB]);

  await overwrite(roomId, POWER_LEVELS, content);
  const unknownRoom = await invite(app, { token: 'mallory-token', roomId: '!nowhere:example.org' });
  expectRefusal(unknownRoom, 403, 'M_FORBIDDEN');
  const outsider = await invite(app, { token: 'mallory-token', roomId });
  expect([outsider.status, outsider.body]).toEqual([403, unknownRoom.body]);
  const requester = { userId: MALLORY };
  expect(await service.check({ requester, roomId, userId: BOB })).toMatchObject({
    allowed: false,
    explanation: { by: 'room', reason: 'roomUnknownOrInviterNotJoined' },
  });
  const ofBanned = await invite(app, { roomId, body: { user_id: '@banned:example.org' } });
  expectRefusal(ofBanned, 403, 'M_FORBIDDEN');

  lines.length = 0;
  const before = await storage.readState(roomId, [POWER_LEVELS], { signal: AbortSignal.timeout(60_000) });
  expectRefusal(await invite(app, { roomId, body: { user_id: MALLORY } }), 503, 'M_UNKNOWN');
  expect(lines).toMatchObject([{ level: 'warn', details: { status: 503, tries: 1 } }]);
  const logged = lines.map(({ details }) => String((details as { err: Error }).err));
  expect(logged).toEqual([expect.stringContaining(`${before?.events[0]?.event_id}" is not valid JSON`)]);
  expect(JSON.stringify(lines) + logged.join()).not.toContain('secret');

  // These return every content.
  for (const readAll of [() => storage.roomState(roomId), () => storage.timeline(roomId)]) {
    await expect(readAll()).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_UNAVAILABLE',
        message: expect.stringMatching(/^The content of event "\$.{43}" is not valid JSON$/),
      }),
    );
  }
}
