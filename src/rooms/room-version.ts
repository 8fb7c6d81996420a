import { fieldOf } from './content.ts';
import type { JsonObject } from './event.ts';
import {
  REDACTION_V1,
  REDACTION_V6,
  REDACTION_V8,
  REDACTION_V9,
  REDACTION_V11,
  type RedactionRules,
} from './redaction-rules.ts';

/** The differences between room versions that matter to an invite and its signatures. Check a flag, never the number. */
export type RoomVersionRules = {
  /** As in the create event's `room_version`. */
  readonly version: string;
  /**
   * Power levels may be integers written as strings.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v1/#mroompower_levels-events-accept-values-as-strings
   */
  readonly stringPowerLevels: boolean;
  /**
   * Power levels may be floats, truncated toward zero.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v1/#mroompower_levels-events-accept-values-as-floats
   */
  readonly floatPowerLevels: boolean;
  /**
   * The place of the creator's user ID: `content.creator` of the create event, or its `sender`.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v11/#remove-the-creator-property-of-mroomcreate-events
   */
  readonly creatorFrom: 'content' | 'sender';
  /**
   * The creator and `additional_creators` have infinite power, whatever the power levels say.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v12/#authorization-rules
   */
  readonly creatorsHaveInfinitePower: boolean;
  /**
   * Room IDs are `!opaque:domain`; otherwise `!` and the hash of the create event, which therefore has no `room_id`, and
   * is not among the auth events.
   *
   * @see https://spec.matrix.org/v1.18/appendices/#room-ids
   */
  readonly roomIdHasDomain: boolean;
  /**
   * Event IDs are `$opaque:domain`, in the event; otherwise `$` and the hash of the event, which is not in it.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v3/#event-ids
   */
  readonly eventIdHasDomain: boolean;
  /**
   * The alphabet of base64 in event IDs that are hashes.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v4/#event-ids
   */
  readonly eventIdAlphabet: 'standard' | 'urlSafe';
  /**
   * `auth_events` and `prev_events` are pairs of an event ID and its hashes; otherwise event IDs.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v3/#event-format
   */
  readonly referencesHaveHashes: boolean;
  /**
   * Events must have canonical JSON: no floats, no −0, no integers beyond 2^53−1.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v6/#canonical-json
   */
  readonly strictCanonicalJson: boolean;
  /**
   * A key verifies only the events from the time of its validity.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v5/#signing-key-validity-period
   */
  readonly keysExpire: boolean;
  /**
   * A redaction names its event in `content.redacts`; otherwise in `redacts` beside the content.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v11/#event-format
   */
  readonly redactsInContent: boolean;
  /**
   * Join rules may be `restricted`, so the user who authorized a join is among its auth events.
   *
   * @see https://spec.matrix.org/v1.18/rooms/v8/#authorization-rules
   */
  readonly restrictedJoins: boolean;
  /** What redaction keeps, and therefore what signatures and event IDs cover. */
  readonly redaction: RedactionRules;
};

// Each version builds on the one before it, as in the specification: a row says what is new.
const V1: RoomVersionRules = {
  version: '1',
  stringPowerLevels: true,
  floatPowerLevels: true,
  creatorFrom: 'content',
  creatorsHaveInfinitePower: false,
  roomIdHasDomain: true,
  eventIdHasDomain: true,
  eventIdAlphabet: 'standard',
  referencesHaveHashes: true,
  strictCanonicalJson: false,
  keysExpire: false,
  redactsInContent: false,
  restrictedJoins: false,
  redaction: REDACTION_V1,
};
const V2: RoomVersionRules = { ...V1, version: '2' };
const V3: RoomVersionRules = {
  ...V2,
  version: '3',
  eventIdHasDomain: false,
  referencesHaveHashes: false,
};
const V4: RoomVersionRules = { ...V3, version: '4', eventIdAlphabet: 'urlSafe' };
const V5: RoomVersionRules = { ...V4, version: '5', keysExpire: true };
const V6: RoomVersionRules = {
  ...V5,
  version: '6',
  floatPowerLevels: false,
  strictCanonicalJson: true,
  redaction: REDACTION_V6,
};
const V7: RoomVersionRules = { ...V6, version: '7' };
const V8: RoomVersionRules = { ...V7, version: '8', restrictedJoins: true, redaction: REDACTION_V8 };
const V9: RoomVersionRules = { ...V8, version: '9', redaction: REDACTION_V9 };
const V10: RoomVersionRules = { ...V9, version: '10', stringPowerLevels: false };
const V11: RoomVersionRules = {
  ...V10,
  version: '11',
  creatorFrom: 'sender',
  redactsInContent: true,
  redaction: REDACTION_V11,
};
const V12: RoomVersionRules = {
  ...V11,
  version: '12',
  creatorsHaveInfinitePower: true,
  roomIdHasDomain: false,
};

/** The known room versions, by name. */
export const ROOM_VERSIONS: ReadonlyMap<string, RoomVersionRules> = new Map(
  [V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12].map((rules) => [rules.version, Object.freeze(rules)]),
);

/**
 * Returns the rules of the room with this create event, or `undefined` for an unknown version. Without `room_version` it
 * is version 1. Versions are strings and must match exactly: neither the number 11 nor `"01"` is a version.
 *
 * @param createContent the content of `m.room.create`
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroomcreate
 */
export function roomVersionOf(createContent: JsonObject): RoomVersionRules | undefined {
  const version = fieldOf(createContent, 'room_version');
  if (version === undefined) return V1;
  return typeof version === 'string' ? ROOM_VERSIONS.get(version) : undefined;
}
