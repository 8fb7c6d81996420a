import { fieldOf } from '../rooms/content.ts';
import type { JsonObject, StateKey } from '../rooms/event.ts';
import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../rooms/room-state.ts';
import { rulesOf } from './room-version-of.ts';

/** What the selection of auth events depends on. */
export type AuthorizedEvent = {
  readonly type: string;
  readonly sender: string;
  readonly content: JsonObject;
  /** Only of a state event. */
  readonly state_key?: string;
};

/**
 * Returns the keys of the state events that authorize an event. The current event of each key that has one is among the
 * event's `auth_events`.
 *
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#auth-events-selection
 */
export function authEventKeys(event: AuthorizedEvent, roomVersion: string): StateKey[] {
  const { roomIdHasDomain, restrictedJoins } = rulesOf(roomVersion);
  const { type, state_key: stateKey, sender, content } = event;
  if (type === CREATE_KEY.type && stateKey === CREATE_KEY.state_key) return [];
  const keys = [...(roomIdHasDomain ? [CREATE_KEY] : []), POWER_LEVELS_KEY, memberKey(sender)];
  if (type !== 'm.room.member' || stateKey === undefined) return keys;
  if (stateKey !== sender) keys.push(memberKey(stateKey));
  const membership = fieldOf(content, 'membership');
  if (membership === 'join' || membership === 'invite' || membership === 'knock') {
    keys.push({ type: 'm.room.join_rules', state_key: '' });
  }
  const token = fieldOf(fieldOf(fieldOf(content, 'third_party_invite'), 'signed'), 'token');
  if (membership === 'invite' && typeof token === 'string') {
    keys.push({ type: 'm.room.third_party_invite', state_key: token });
  }
  const authorizer = fieldOf(content, 'join_authorised_via_users_server');
  if (membership === 'join' && restrictedJoins && typeof authorizer === 'string') {
    if (authorizer !== sender && authorizer !== stateKey) keys.push(memberKey(authorizer));
  }
  return keys;
}
