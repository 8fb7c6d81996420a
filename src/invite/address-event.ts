import type { StateSnapshot } from '../ports/storage.ts';
import type {
  AddressInvite,
  AddressInviteKey,
  InviteRoomDetails,
  StoredAddressInvite,
} from '../ports/third-party.ts';
import {
  isDisplayName,
  isStorableUrl,
  isToken,
  MAX_DISPLAY_NAME_LENGTH,
  MAX_KEYS,
  withoutAddress,
} from '../rooms/address-invite.ts';
import { fieldOf } from '../rooms/content.ts';
import type { JsonObject, NewStateEvent, StateKey, StrippedStateEvent } from '../rooms/event.ts';
import { isPublicKey } from '../rooms/public-key.ts';
import { find } from '../rooms/room-state.ts';
import { memberEvent } from './read.ts';

/** The state that {@link detailsOf} reads, besides that of the room's rules. */
export const DETAIL_KEYS: readonly StateKey[] = [
  'm.room.name',
  'm.room.canonical_alias',
  'm.room.avatar',
  'm.room.join_rules',
].map((type) => ({ type, state_key: '' }));

/**
 * Returns what the room and the inviter tell about themselves.
 *
 * @see https://spec.matrix.org/v1.18/identity-service-api/#post_matrixidentityv2store-invite
 */
export function detailsOf(snapshot: StateSnapshot, inviter: string): InviteRoomDetails {
  const inState = (type: string, field: string) =>
    stringIn(find(snapshot.events, { type, state_key: '' }), field);
  const member = memberEvent(snapshot, inviter);
  return {
    roomName: inState('m.room.name', 'name'),
    roomAlias: inState('m.room.canonical_alias', 'alias'),
    roomAvatarUrl: inState('m.room.avatar', 'url'),
    roomJoinRules: inState('m.room.join_rules', 'join_rule'),
    roomType: inState('m.room.create', 'type'),
    senderDisplayName: stringIn(member, 'displayname'),
    senderAvatarUrl: stringIn(member, 'avatar_url'),
  };
}

function stringIn(event: StrippedStateEvent | undefined, field: string): string | undefined {
  const value = fieldOf(event?.content, field);
  return typeof value === 'string' && value.isWellFormed() ? value : undefined;
}

/**
 * Returns the event that waits in the room for the owner of the address.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroomthird_party_invite
 */
export function eventForAddress(
  { roomId, sender }: Pick<AddressInvite, 'roomId' | 'sender'>,
  { token, displayName, publicKeys }: StoredAddressInvite,
): NewStateEvent {
  const keys = publicKeys.map(keyContent);
  return {
    room_id: roomId,
    type: 'm.room.third_party_invite',
    state_key: token,
    sender,
    origin_server_ts: Date.now(),
    // The first key stands on the event itself too, for software that knows no list.
    content: { display_name: displayName, ...keys[0], public_keys: keys },
  };
}

function keyContent({ publicKey, keyValidityUrl }: AddressInviteKey): JsonObject {
  return {
    public_key: publicKey,
    ...(keyValidityUrl === undefined ? {} : { key_validity_url: keyValidityUrl }),
  };
}

/**
 * Checks what the host's `storeInvite` resolved to: it is about to become a room's state. A display name that contains
 * the address is replaced, because every member of the room sees it.
 *
 * @throws {TypeError} for an invalid invite
 */
export function checkedInvite(stored: unknown, { address }: AddressInvite): StoredAddressInvite {
  const { token, displayName, publicKeys } = (stored ?? {}) as Partial<
    Record<keyof StoredAddressInvite, unknown>
  >;
  if (!isToken(token)) {
    throw new TypeError('storeInvite must resolve to a token of 1 to 255 characters of 0-9 a-z A-Z . = _ -');
  }
  if (!isDisplayName(displayName) || !displayName.isWellFormed()) {
    throw new TypeError(
      `storeInvite must resolve to a displayName, at most ${MAX_DISPLAY_NAME_LENGTH} characters`,
    );
  }
  if (
    !Array.isArray(publicKeys) ||
    publicKeys.length === 0 ||
    publicKeys.length > MAX_KEYS ||
    !publicKeys.every(isKey)
  ) {
    throw new TypeError(
      `storeInvite must resolve to publicKeys, 1 to ${MAX_KEYS} objects with an Ed25519 publicKey in unpadded base64 that is not of small order, and an https URL as keyValidityUrl or none`,
    );
  }
  return {
    token,
    displayName: withoutAddress(displayName, address),
    publicKeys: publicKeys.map(({ publicKey, keyValidityUrl }) => ({ publicKey, keyValidityUrl })),
  };
}

function isKey(key: unknown): key is AddressInviteKey {
  if (typeof key !== 'object' || key === null) return false;
  const { publicKey, keyValidityUrl } = key as Partial<Record<keyof AddressInviteKey, unknown>>;
  return isPublicKey(publicKey) && (keyValidityUrl === undefined || isStorableUrl(keyValidityUrl));
}
