import { fieldOf } from './content.ts';
import type { StateKey, StrippedStateEvent } from './event.ts';
import { domainOf } from './identifiers.ts';
import { inviteLevelOf, powerLevelOf } from './power-levels.ts';
import { type RoomVersionRules, roomVersionOf } from './room-version.ts';

/** Why a room's own rules refuse an invite. */
export type InviteRefusalReason =
  | 'roomUnknownOrInviterNotJoined'
  | 'roomVersionUnknown'
  /** The room is closed to other servers than its creator's (`m.federate`), and the inviter is of another. */
  | 'unfederatable'
  | 'inviteeBanned'
  | 'inviteeJoined'
  | 'insufficientPower'
  /** A level that decides has no meaning in the room's version. */
  | 'powerLevelUnreadable';

/** What a room's own rules say about an invite. */
export type InviteDecision =
  | { readonly decision: 'allowed' }
  /** Allowed as well, but there is an invite already: the membership would not change. */
  | { readonly decision: 'alreadyInvited'; readonly invite: StrippedStateEvent }
  | { readonly decision: 'refused'; readonly reason: InviteRefusalReason }
  /** No room is without its create event: the state that was given is at fault, not the invite. */
  | { readonly decision: 'createEventMissing' };

const CREATE_KEY: StateKey = { type: 'm.room.create', state_key: '' };
const POWER_LEVELS_KEY: StateKey = { type: 'm.room.power_levels', state_key: '' };
const memberKey = (userId: string): StateKey => ({ type: 'm.room.member', state_key: userId });

/**
 * The keys of the state that decides: create, power levels, the inviter's and the invitee's membership. None
 * comes twice, also where somebody invites themselves.
 */
export function inviteStateKeys(inviter: string, invitee: string): StateKey[] {
  const keys = [{ ...CREATE_KEY }, { ...POWER_LEVELS_KEY }, memberKey(inviter)];
  if (invitee !== inviter) keys.push(memberKey(invitee));
  return keys;
}

/**
 * Judges an invite by user id, as the authorisation rules of the room's version do for `membership: invite`.
 * They come in an order that tells outsiders nothing: who is not in the room learns only that.
 *
 * @param events the current events under {@link inviteStateKeys}; others are passed over
 * @param inviter user id
 * @param invitee user id
 */
export function decideInvite(
  events: readonly StrippedStateEvent[],
  inviter: string,
  invitee: string,
): InviteDecision {
  const create = find(events, CREATE_KEY);
  if (create === undefined) return { decision: 'createEventMissing' };
  if (membershipIn(find(events, memberKey(inviter))) !== 'join') {
    return refused('roomUnknownOrInviterNotJoined');
  }
  const rules = roomVersionOf(create.content);
  if (rules === undefined) return refused('roomVersionUnknown');
  if (!mayTakePart(inviter, create)) return refused('unfederatable');

  const inviteeMember = find(events, memberKey(invitee));
  const membership = membershipIn(inviteeMember);
  if (membership === 'ban') return refused('inviteeBanned');
  if (membership === 'join') return refused('inviteeJoined');

  const lack = lackOfPower(inviter, rules, create, find(events, POWER_LEVELS_KEY));
  if (lack !== undefined) return refused(lack);
  return inviteeMember !== undefined && membership === 'invite'
    ? { decision: 'alreadyInvited', invite: inviteeMember }
    : { decision: 'allowed' };
}

function refused(reason: InviteRefusalReason): InviteDecision {
  return { decision: 'refused', reason };
}

function find(events: readonly StrippedStateEvent[], key: StateKey): StrippedStateEvent | undefined {
  return events.find(({ type, state_key }) => type === key.type && state_key === key.state_key);
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
  // Infinite power is enough for any level, so for one that cannot be read as well: a creator is never locked
  // out by the power levels.
  if (power === 'infinite') return undefined;
  const required = inviteLevelOf(rules, powerLevels);
  if (power === 'unreadable' || required === 'unreadable') return 'powerLevelUnreadable';
  return power >= required ? undefined : 'insufficientPower';
}
