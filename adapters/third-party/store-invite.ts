import { MatrixError } from '../../src/errors.ts';
import type {
  AddressInvite,
  AddressInviteKey,
  InviteRoomDetails,
  StoredAddressInvite,
} from '../../src/ports/third-party.ts';
import {
  isDisplayName,
  isStorableUrl,
  isToken,
  MAX_KEYS,
  withoutAddress,
} from '../../src/rooms/address-invite.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { isPublicKey } from '../../src/rooms/public-key.ts';
import { errcodeOf, fieldsOf } from '../shared/outbound/answer.ts';
import type { OutboundAnswer } from '../shared/outbound/client.ts';
import type { IdentityApi } from './api.ts';
import { errorOf, unlessSent, unusableAnswer } from './errors.ts';
import { isValidityUrl } from './key-validity.ts';

/**
 * Stores an invite at the identity server, which sends an email.
 *
 * @throws {MatrixError} (rejects) if the identity server refuses, or does not say what it has stored
 * @throws {InviteNotSentError} (rejects) if the identity server certainly got no request
 * @see https://spec.matrix.org/v1.18/identity-service-api/#invitation-storage
 */
export async function storeInvite(
  api: IdentityApi,
  invite: AddressInvite,
  room: InviteRoomDetails,
): Promise<StoredAddressInvite | 'inUse'> {
  // A phone number could not be stored, so it is not sent either.
  if (invite.medium !== 'email') throw unsupportedMedium();
  const answer = await api
    .post('store-invite', bodyOf(invite, room), false)
    .catch((error: unknown) => Promise.reject(unlessSent(error)));
  if (answer.status === 200) return storedInviteOf(answer, invite);
  if (answer.status === 400) {
    const errcode = errcodeOf(answer);
    if (errcode === 'M_THREEPID_IN_USE') return 'inUse';
    if (errcode === 'M_UNRECOGNIZED') throw unsupportedMedium();
  }
  throw errorOf(answer);
}

function unsupportedMedium(): MatrixError {
  return new MatrixError(
    403,
    'M_THREEPID_MEDIUM_NOT_SUPPORTED',
    'Only users with an account can be invited by this kind of address',
  );
}

function bodyOf({ medium, address, roomId, sender }: AddressInvite, room: InviteRoomDetails): JsonObject {
  const details = {
    room_alias: room.roomAlias,
    room_avatar_url: room.roomAvatarUrl,
    room_join_rules: room.roomJoinRules,
    room_name: room.roomName,
    room_type: room.roomType,
    sender_display_name: room.senderDisplayName,
    sender_avatar_url: room.senderAvatarUrl,
  };
  const known = Object.entries(details).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { medium, address, room_id: roomId, sender, ...Object.fromEntries(known) };
}

/** @throws {MatrixError} for an answer that cannot become an `m.room.third_party_invite` */
function storedInviteOf(answer: OutboundAnswer, { address }: AddressInvite): StoredAddressInvite {
  const { token, display_name: displayName, public_keys: keys } = fieldsOf(answer) ?? {};
  if (!isToken(token)) {
    throw unusableAnswer(answer.unusable('store-invite with an invalid token'));
  }
  if (!isDisplayName(displayName)) {
    throw unusableAnswer(answer.unusable('store-invite with an invalid display_name'));
  }
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > MAX_KEYS) {
    throw unusableAnswer(answer.unusable('store-invite with no public_keys, or too many'));
  }
  const publicKeys = keys.map(keyOf).filter((key) => key !== undefined);
  if (publicKeys.length < keys.length) {
    throw unusableAnswer(answer.unusable('store-invite with an invalid public key'));
  }
  return { token, displayName: withoutAddress(displayName.toWellFormed(), address), publicKeys };
}

function keyOf(value: unknown): AddressInviteKey | undefined {
  const { public_key: publicKey, key_validity_url: keyValidityUrl } = (value ?? {}) as Record<
    string,
    unknown
  >;
  if (!isPublicKey(publicKey)) return undefined;
  return isStorableUrl(keyValidityUrl) && isValidityUrl(keyValidityUrl)
    ? { publicKey, keyValidityUrl }
    : undefined;
}
