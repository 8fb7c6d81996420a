import type { Logger } from 'express-matrix-invite';
import type { Response } from 'supertest';
import { expect } from 'vitest';
import type { RoomStore, StorageAdapter } from '../../src/ports/storage.ts';
import { expectDescribed, invite, invitesOf, seedRoom, setUp } from '../http/support.ts';
import { newRoom } from './storage-room.ts';

const DEADLINE_MS = 1_000;

/** A deadline that no invite reaches unless its own store hangs. */
export const LONG_DEADLINE_MS = 20_000;

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export type InviteResult = {
  readonly response: Response;
  readonly userId: string;
  readonly durationMs: number;
};

/**
 * A host app whose database fails, with a room of Alice.
 *
 * @param observer reads and writes on its own connections
 */
export async function openFaultyHost(observer: RoomStore, storage: StorageAdapter, deadlineMs = DEADLINE_MS) {
  const roomId = await seedRoom(observer, { roomId: newRoom().roomId });
  const { app } = setUp({ storage, logger: silent, deadlineMs });
  let guests = 0;
  return {
    roomId,
    /** Invites a new user, or the user with this ID. */
    async invites(userId = `@guest${++guests}:example.org`): Promise<InviteResult> {
      const startedAt = performance.now();
      const response = await invite(app, { roomId, body: { user_id: userId } });
      return { response, userId, durationMs: performance.now() - startedAt };
    },
    /** Counts how often a user was invited. */
    stored: (userId: string) => invitesOf(observer, userId, roomId),
    /** Expects that an invite succeeded and is stored once. */
    async expectInvited(result: InviteResult): Promise<void> {
      expectInTime(result);
      expect([result.response.status, result.response.body]).toEqual([200, {}]);
      expect(await invitesOf(observer, result.userId, roomId)).toBe(1);
    },
  };
}

/** Expects a 503 within the deadline. */
export function expectUnavailable(result: InviteResult): void {
  expectInTime(result);
  expect(result.response.status).toBe(503);
  expect(result.response.body.errcode).toBe('M_UNKNOWN');
  expect(Number(result.response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expectDescribed(result.response);
}

function expectInTime({ durationMs }: InviteResult): void {
  expect(durationMs).toBeLessThan(DEADLINE_MS + 20_000);
}
