import type { NewRoom } from '../../src/ports/storage.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
/** Sends the invites. Joined to every room, with the power to invite. */
export const ALICE = '@alice:example.org';
/** Has a pending invite to every room. */
const BOB = '@bob:example.org';
/** Has an access token, and is in no room. */
const MALLORY = '@mallory:example.org';

export const TOKENS = { 'alice-token': ALICE, 'mallory-token': MALLORY };

export const roomIdOf = (index: number): string => `!room${index}:example.org`;
const memberIdOf = (index: number): string => `@member${index}:example.org`;

type StateOfRoom = { readonly type: string; readonly state_key: string; readonly content: object };

/**
 * Returns the first state events of every room, which come before its members. Alice is the sender of all of them.
 *
 * @param levels the number of users with a power level, in addition to Alice
 */
export function firstState(levels: number): readonly StateOfRoom[] {
  const users = Object.fromEntries(Array.from({ length: levels }, (_, index) => [memberIdOf(index), 50]));
  return [
    { type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
    { type: 'm.room.power_levels', state_key: '', content: { users: { ...users, [ALICE]: 100 } } },
    { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'invite' } },
    { type: 'm.room.member', state_key: BOB, content: { membership: 'invite' } },
  ];
}

/** Returns the whole state of a room, as `createRoom` takes it. */
export function roomState(members: number, levels: number): NewRoom['state'] {
  const joins = Array.from({ length: members }, (_, index) => ({
    type: 'm.room.member',
    state_key: memberIdOf(index),
    content: { membership: 'join' },
  }));
  return [...firstState(levels), ...joins].map((event) => ({
    ...event,
    content: event.content as JsonObject,
    sender: ALICE,
    origin_server_ts: 1,
  }));
}
