import type { StateKey } from '../rooms/event.ts';
import { CREATE_KEY, memberKey } from '../rooms/room-state.ts';

const KEYS: readonly StateKey[] = [
  CREATE_KEY,
  ...['join_rules', 'canonical_alias', 'avatar', 'topic', 'name', 'encryption'].map((name) => ({
    type: `m.room.${name}`,
    state_key: '',
  })),
];

/**
 * Returns the keys of the state events that are sent with an invite as `invite_room_state`, so that the invited user sees
 * what they are invited to. Send the current event of each key that has one.
 *
 * @param sender the user ID of the inviter
 * @see https://spec.matrix.org/v1.18/client-server-api/#stripped-state
 */
export function inviteStateKeys(sender: string): StateKey[] {
  return [...KEYS, memberKey(sender)];
}
