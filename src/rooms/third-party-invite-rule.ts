import { fieldOf, isJsonObject } from './content.ts';
import type { JsonObject, JsonValue, StateKey, StrippedStateEvent } from './event.ts';
import type { InviteRefusalReason } from './invite-rule.ts';
import { CREATE_KEY, find, mayTakePart, memberKey, membershipIn } from './room-state.ts';
import { roomVersionOf } from './room-version.ts';

/** A public key of an `m.room.third_party_invite`. Its texts are letter by letter those of the event. */
export type ThirdPartyKey = { readonly public_key: string; readonly key_validity_url?: string };

/** Returns those of some public keys that have signed an object, under any name. */
export type FindSigners = (object: JsonObject, publicKeys: readonly string[]) => readonly string[];

/** The reason why a room's own rules refuse that a token becomes an invite. */
export type ThirdPartyInviteRefusalReason =
  | Extract<InviteRefusalReason, 'roomVersionUnknown' | 'unfederatable' | 'inviteeBanned'>
  /** `signed` is not an object with the strings `mxid` and `token`. */
  | 'signedMalformed'
  /** `signed` is about another user. */
  | 'signedForAnother'
  | 'tokenUnknown'
  /** Somebody else sent the event with the token. */
  | 'tokenOfAnother'
  /** The event with the token has no keys. */
  | 'tokenRevoked'
  /** None of the event's keys has signed. */
  | 'signatureInvalid';

/** The decision of a room's own rules about an invite by token. */
export type ThirdPartyInviteDecision =
  | {
      readonly decision: 'allowed';
      /** The event with the token. */
      readonly thirdPartyInvite: StrippedStateEvent;
      /** The event's keys that have signed, at least one. The rules do not ask whether they are still valid. */
      readonly keys: readonly ThirdPartyKey[];
    }
  /** Also allowed, but the user is joined or invited already: an invite must not replace that. */
  | { readonly decision: 'alreadyMember'; readonly member: StrippedStateEvent }
  | { readonly decision: 'refused'; readonly reason: ThirdPartyInviteRefusalReason }
  /** Every room has a create event: the given state is at fault, not the invite. */
  | { readonly decision: 'createEventMissing' };

/** Returns the key of the event with a token. */
export function tokenKey(token: string): StateKey {
  return { type: 'm.room.third_party_invite', state_key: token };
}

/** Returns the keys of the state that decides: create event, membership of the invitee, and the event with the token. */
export function thirdPartyInviteStateKeys(invitee: string, token: string): StateKey[] {
  return [{ ...CREATE_KEY }, memberKey(invitee), tokenKey(token)];
}

/**
 * Decides an invite by the token of an earlier `m.room.third_party_invite`, as the authorization rules do for `membership:
 * invite` with `third_party_invite`. They are the same in room versions 1 to 12. Membership and power of the sender, who
 * may have left, do not matter.
 *
 * @param events the current events under {@link thirdPartyInviteStateKeys}; others are ignored
 * @param sender user ID of the invite's sender
 * @param invitee user ID
 * @param signed `third_party_invite.signed` of the invite, as it was received
 * @see https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules
 */
export function decideThirdPartyInvite(
  events: readonly StrippedStateEvent[],
  sender: string,
  invitee: string,
  signed: JsonValue | undefined,
  findSigners: FindSigners,
): ThirdPartyInviteDecision {
  const create = find(events, CREATE_KEY);
  if (create === undefined) return { decision: 'createEventMissing' };

  // A server that does not know the room's version must not judge its events.
  // https://spec.matrix.org/v1.18/client-server-api/#post_matrixclientv3roomsroomidinvite (400)
  if (roomVersionOf(create.content) === undefined) return refused('roomVersionUnknown');

  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.federate)
  if (!mayTakePart(sender, create)) return refused('unfederatable');

  // https://spec.matrix.org/v1.18/rooms/v11/#authorization-rules (m.room.member, invite, third_party_invite), to the end
  const member = find(events, memberKey(invitee));
  const membership = membershipIn(member);
  if (membership === 'ban') return refused('inviteeBanned');

  const mxid = fieldOf(signed, 'mxid');
  const token = fieldOf(signed, 'token');
  if (!isJsonObject(signed) || typeof mxid !== 'string' || typeof token !== 'string') {
    return refused('signedMalformed');
  }
  if (mxid !== invitee) return refused('signedForAnother');

  const thirdPartyInvite = find(events, tokenKey(token));
  if (thirdPartyInvite === undefined) return refused('tokenUnknown');
  if (thirdPartyInvite.sender !== sender) return refused('tokenOfAnother');

  const all = thirdPartyKeysOf(thirdPartyInvite);
  if (all.length === 0) return refused('tokenRevoked');
  const signers = findSigners(
    signed,
    all.map(({ public_key }) => public_key),
  );
  const keys = all.filter(({ public_key }) => signers.includes(public_key));
  if (keys.length === 0) return refused('signatureInvalid');

  // The rules would allow it, but a joined member must never become an invited one.
  // https://spec.matrix.org/v1.18/client-server-api/#mroommember (table of membership changes)
  return member !== undefined && (membership === 'join' || membership === 'invite')
    ? { decision: 'alreadyMember', member }
    : { decision: 'allowed', thirdPartyInvite, keys };
}

/** Returns the keys of an `m.room.third_party_invite`, each once. An entry that is malformed is none. */
export function thirdPartyKeysOf({ content }: StrippedStateEvent): ThirdPartyKey[] {
  const listed = fieldOf(content, 'public_keys');
  const keys = [content, ...(Array.isArray(listed) ? listed : [])].flatMap(keyIn);
  return [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
}

function keyIn(entry: JsonValue): ThirdPartyKey[] {
  const public_key = fieldOf(entry, 'public_key');
  const key_validity_url = fieldOf(entry, 'key_validity_url');
  if (typeof public_key !== 'string') return [];
  if (key_validity_url === undefined) return [{ public_key }];
  return typeof key_validity_url === 'string' ? [{ public_key, key_validity_url }] : [];
}

function refused(reason: ThirdPartyInviteRefusalReason): ThirdPartyInviteDecision {
  return { decision: 'refused', reason };
}
