import type { JsonObject, RoomStore, StateEvent } from 'express-matrix-invite';
import { membershipsAtStart, ROOM_IDS } from './rooms.ts';

/** What the buttons beside a member do. */
export type Change = 'accept' | 'leave' | 'unban';

type Member = { readonly userId: string; readonly membership: string };

/**
 * Accepts or declines an invite, leaves a room, or lifts a ban, as another endpoint of a homeserver would.
 *
 * @returns false if the room or its members do not allow the change; nothing has changed then
 */
export async function changeMembership(
  store: RoomStore,
  roomId: string,
  userId: string,
  change: Change,
): Promise<boolean> {
  const state = (await store.roomState(roomId)) ?? [];
  const membershipOf = (id: string) =>
    membersOf(state).find((member) => member.userId === id)?.membership ?? 'leave';
  const membership = membershipOf(userId);
  const creator = creatorOf(state);
  switch (change) {
    case 'accept':
      return membership === 'invite' && put(store, roomId, userId, userId, { membership: 'join' });
    case 'leave':
      return (
        ['invite', 'join'].includes(membership) && put(store, roomId, userId, userId, { membership: 'leave' })
      );
    case 'unban':
      return (
        membership === 'ban' &&
        membershipOf(creator) === 'join' &&
        put(store, roomId, creator, userId, { membership: 'leave' })
      );
  }
}

/** Gives every user the membership that they had when the rooms were created. The timelines keep what has happened. */
export async function resetMemberships(store: RoomStore): Promise<void> {
  for (const roomId of ROOM_IDS) {
    const state = (await store.roomState(roomId)) ?? [];
    const creator = creatorOf(state);
    const atStart = membershipsAtStart(roomId);
    const current = new Map(membersOf(state).map(({ userId, membership }) => [userId, membership]));
    for (const userId of new Set([...atStart.keys(), ...current.keys()])) {
      const membership = atStart.get(userId) ?? 'leave';
      if (membership === (current.get(userId) ?? 'leave')) continue;
      const sender = membership === 'join' ? userId : creator;
      await put(store, roomId, sender, userId, { membership, reason: 'The demo was reset' });
    }
  }
}

function membersOf(state: readonly StateEvent[]): Member[] {
  return state
    .filter(({ type }) => type === 'm.room.member')
    .map(({ state_key, content }) => ({ userId: state_key, membership: String(content.membership) }));
}

function creatorOf(state: readonly StateEvent[]): string {
  return state.find(({ type }) => type === 'm.room.create')?.sender ?? '';
}

async function put(
  store: RoomStore,
  roomId: string,
  sender: string,
  userId: string,
  content: JsonObject,
): Promise<boolean> {
  const event = { type: 'm.room.member', state_key: userId, sender, content, origin_server_ts: Date.now() };
  return (await store.putState({ ...event, room_id: roomId })) !== undefined;
}
