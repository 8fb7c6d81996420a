import { fieldOf } from './content.ts';
import type { StateKey, StrippedStateEvent } from './event.ts';
import { domainOf } from './identifiers.ts';
import { inviteLevelOf, powerLevelOf } from './power-levels.ts';
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
 */
export function inviteStateKeys(inviter: string, invitee: string): StateKey[] {
  const keys = [
    { type: 'm.room.create', state_key: '' },
    { type: 'm.room.power_levels', state_key: '' },
    { type: 'm.room.member', state_key: inviter },
  ];
  if (invitee !== inviter) keys.push({ type: 'm.room.member', state_key: invitee });
  return keys;
}

/**
 * Decides an invite by user ID, as the authorization rules of the room's version do for `membership: invite`. The order
 * of the checks reveals nothing to outsiders: somebody who is not in the room learns only that.
 *
 * @param events the current events under {@link inviteStateKeys}; others are ignored
 * @param inviter user ID
 * @param invitee user ID
 * @see https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules
 */
export function decideInvite(
  events: readonly StrippedStateEvent[],
  inviter: string,
  invitee: string,
): InviteDecision {
  const create = find(events, 'm.room.create', '');
  if (create === undefined) return { decision: 'createEventMissing' };

  // Only joined members can invite.
  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.room.member, invite)
  if (membershipIn(find(events, 'm.room.member', inviter)) !== 'join') {
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
  const inviteeMember = find(events, 'm.room.member', invitee);
  const membership = membershipIn(inviteeMember);
  if (membership === 'ban') return refused('inviteeBanned');
  if (membership === 'join') return refused('inviteeJoined');

  // The inviter's power level must be at least the invite level.
  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.room.member, invite)
  const lack = lackOfPower(inviter, rules, create, find(events, 'm.room.power_levels', ''));
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

function find(
  events: readonly StrippedStateEvent[],
  type: string,
  stateKey: string,
): StrippedStateEvent | undefined {
  for (const event of events) if (event.state_key === stateKey && event.type === type) return event;
  return undefined;
}

function membershipIn(member: StrippedStateEvent | undefined) {
  return fieldOf(member?.content, 'membership');
}

function mayTakePart(userId: string, create: StrippedStateEvent): boolean {
  return fieldOf(create.content, 'm.federate') !== false || domainOf(userId) === domainOf(create.sender);
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
