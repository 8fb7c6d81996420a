import type { StateKey, StrippedStateEvent } from './event.ts';
import { inviteLevelOf, powerLevelOf } from './power-levels.ts';
import { CREATE_KEY, find, mayTakePart, memberKey, membershipIn, POWER_LEVELS_KEY } from './room-state.ts';
import { type RoomVersionRules, roomVersionOf } from './room-version.ts';

/** The reason why a room's own rules refuse an invite. */
export type InviteRefusalReason =
  | 'roomUnknownOrInviterNotJoined'
  | 'roomVersionUnknown'
  /** The room is closed to servers other than its creator's (`m.federate`), and the inviter is from another one. */
  | 'unfederatable'
  | 'inviteeBanned'
  | 'inviteeJoined'
  | 'insufficientPower'
  /** A power level that decides is not valid in the room's version. */
  | 'powerLevelUnreadable';

/** The decision of a room's own rules about an invite. */
export type InviteDecision =
  | { readonly decision: 'allowed' }
  /** Also allowed, but an invite is already pending: the membership would not change. */
  | { readonly decision: 'alreadyInvited'; readonly invite: StrippedStateEvent }
  | { readonly decision: 'refused'; readonly reason: InviteRefusalReason }
  /** Every room has a create event: the given state is at fault, not the invite. */
  | { readonly decision: 'createEventMissing' };

/**
 * Returns the keys of the state that decides: create event, power levels, and the memberships of inviter and invitee,
 * each once, even if somebody invites themselves.
 *
 * @param invitee user ID, `undefined` for an invite by address
 */
export function inviteStateKeys(inviter: string, invitee: string | undefined): StateKey[] {
  const keys = [
    { type: 'm.room.create', state_key: '' },
    { type: 'm.room.power_levels', state_key: '' },
    memberKey(inviter),
  ];
  if (invitee !== undefined && invitee !== inviter) keys.push(memberKey(invitee));
  return keys;
}

/**
 * Decides an invite by user ID, as the authorization rules of the room's version do for `membership: invite`. The order
 * of the checks reveals nothing to outsiders: somebody who is not in the room learns only that.
 *
 * An invite by address is an `m.room.third_party_invite`, to which the same rules apply, without those on the invitee. So
 * is its revocation. Neither `state_default` nor the level of the event type matters.
 *
 * @param events the current events under {@link inviteStateKeys}; others are ignored
 * @param inviter user ID
 * @param invitee user ID, `undefined` for an invite by address
 * @see https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules
 */
export function decideInvite(
  events: readonly StrippedStateEvent[],
  inviter: string,
  invitee: string | undefined,
): InviteDecision {
  const create = find(events, CREATE_KEY);
  if (create === undefined) return { decision: 'createEventMissing' };

  // Only joined members can invite.
  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.room.member, invite)
  if (membershipIn(find(events, memberKey(inviter))) !== 'join') {
    return refused('roomUnknownOrInviterNotJoined');
  }

  // A server that does not know the room's version must not judge its events.
  // https://spec.matrix.org/v1.18/client-server-api/#post_matrixclientv3roomsroomidinvite (400)
  const rules = roomVersionOf(create.content);
  if (rules === undefined) return refused('roomVersionUnknown');

  // If `m.federate` is false, only users of the server that created the room can send events.
  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.federate)
  if (!mayTakePart(inviter, create)) return refused('unfederatable');

  // A banned or joined user cannot be invited.
  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.room.member, invite)
  const inviteeMember = invitee === undefined ? undefined : find(events, memberKey(invitee));
  const membership = membershipIn(inviteeMember);
  if (membership === 'ban') return refused('inviteeBanned');
  if (membership === 'join') return refused('inviteeJoined');

  // The inviter's power level must be at least the invite level.
  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.room.member, invite)
  const lack = lackOfPower(inviter, rules, create, find(events, POWER_LEVELS_KEY));
  if (lack !== undefined) return refused(lack);

  // Inviting an invited user changes nothing.
  // https://spec.matrix.org/v1.18/client-server-api/#mroommember (table of membership changes)
  return inviteeMember !== undefined && membership === 'invite'
    ? { decision: 'alreadyInvited', invite: inviteeMember }
    : { decision: 'allowed' };
}

function refused(reason: InviteRefusalReason): InviteDecision {
  return { decision: 'refused', reason };
}

function lackOfPower(
  inviter: string,
  rules: RoomVersionRules,
  create: StrippedStateEvent,
  powerLevels: StrippedStateEvent | undefined,
): InviteRefusalReason | undefined {
  const power = powerLevelOf(inviter, rules, create, powerLevels);
  // Infinite power is enough for any level, including an unreadable one: the power levels never lock a creator out.
  if (power === 'infinite') return undefined;
  const required = inviteLevelOf(rules, powerLevels);
  if (power === 'unreadable' || required === 'unreadable') return 'powerLevelUnreadable';
  return power >= required ? undefined : 'insufficientPower';
}
