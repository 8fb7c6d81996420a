/** Who sends the invites: joined, with power, in every room. */
export const ALICE = '@alice:example.org';
/** Has a pending invite into every room. */
const BOB = '@bob:example.org';
/** Logged in, and in no room. */
const MALLORY = '@mallory:example.org';

export const TOKENS = { 'alice-token': ALICE, 'mallory-token': MALLORY };

export const roomIdOf = (index: number): string => `!room${index}:example.org`;
export const memberIdOf = (index: number): string => `@member${index}:example.org`;

type StateOfRoom = { readonly type: string; readonly state_key: string; readonly content: object };

/** What every room begins with, before its members: Alice sends all of it. */
export const FIRST_STATE: readonly StateOfRoom[] = [
  { type: 'm.room.create', state_key: '', content: { room_version: '11' } },
  { type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
  { type: 'm.room.power_levels', state_key: '', content: { users: { [ALICE]: 100 } } },
  { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'invite' } },
  { type: 'm.room.member', state_key: BOB, content: { membership: 'invite' } },
];
