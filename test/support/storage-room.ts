import { randomBytes } from 'node:crypto';
import type { CallContext } from '../../src/ports/context.ts';
import type { AppendResult, NewRoom, StateSnapshot, StorageAdapter } from '../../src/ports/storage.ts';
import type { NewStateEvent, StateKey } from '../../src/rooms/event.ts';

export const ALICE = '@alice:example.org';
export const CREATE: StateKey = { type: 'm.room.create', state_key: '' };
export const NAME: StateKey = { type: 'm.room.name', state_key: '' };

export const member = (userId: string): StateKey => ({ type: 'm.room.member', state_key: userId });

/** Returns a call context whose deadline no test reaches. */
export const inTime = (): CallContext => ({ signal: AbortSignal.timeout(60_000) });

/** Makes a room that Alice created and joined. */
export function newRoom(roomVersion = '11'): NewRoom {
  const roomId = `!${randomBytes(9).toString('base64url')}:example.org`;
  const event = { sender: ALICE, origin_server_ts: 1_700_000_000_000 };
  return {
    roomId,
    state: [
      { ...event, ...CREATE, content: { room_version: roomVersion } },
      { ...event, ...member(ALICE), content: { membership: 'join' } },
    ],
  };
}

export function stateEvent(
  roomId: string,
  key: StateKey,
  content: NewStateEvent['content'],
  sender = ALICE,
): NewStateEvent {
  return { room_id: roomId, ...key, sender, origin_server_ts: 1_700_000_000_001, content };
}

export function inviteOf(roomId: string, userId: string, reason?: string): NewStateEvent {
  return stateEvent(roomId, member(userId), {
    membership: 'invite',
    ...(reason === undefined ? {} : { reason }),
  });
}

/** Reads the snapshot that an invite of the user is conditional on. */
export async function basisFor(
  store: StorageAdapter,
  roomId: string,
  userId: string,
): Promise<StateSnapshot> {
  const basis = await store.readState(roomId, [CREATE, member(ALICE), member(userId)], inTime());
  if (basis === undefined) throw new Error(`There is no room ${roomId}`);
  return basis;
}

/** Reads the basis and then appends the invite, like `InviteService` does. */
export async function invite(store: StorageAdapter, roomId: string, userId: string): Promise<AppendResult> {
  return store.appendEvent(inviteOf(roomId, userId), await basisFor(store, roomId, userId), inTime());
}
