import { fieldOf, isJsonObject } from './content.ts';
import type { JsonValue, StrippedStateEvent } from './event.ts';
import type { RoomVersionRules } from './room-version.ts';

/** A user's power: a `bigint`, because levels written as strings have no upper bound, or a creator's. */
export type PowerLevel = bigint | 'infinite';

/** Present, but not a valid level in this room version. */
export type Unreadable = 'unreadable';

// https://spec.matrix.org/v1.18/client-server-api/#mroompower_levels
const DEFAULT_LEVEL = 0n;
const CREATOR_LEVEL_WITHOUT_POWER_LEVELS = 100n;

const INTEGER_STRING = /^\s*[+-]?[0-9]+\s*$/;
/**
 * An event is never larger, which bounds the cost of reading a level.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#size-limits
 */
const MAX_LEVEL_LENGTH = 65_536;

/**
 * Returns the power of a user: their own entry in `users`, else `users_default`, else 0. Reads only the level that
 * decides, because others may be unreadable.
 *
 * @param create the room's `m.room.create`
 * @param powerLevels the room's `m.room.power_levels`, `undefined` if it has none
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroompower_levels
 */
export function powerLevelOf(
  userId: string,
  rules: RoomVersionRules,
  create: StrippedStateEvent,
  powerLevels: StrippedStateEvent | undefined,
): PowerLevel | Unreadable {
  // Room version 12: room creators have infinite power, whatever the power levels say.
  // https://spec.matrix.org/v1.18/rooms/v12/#authorization-rules
  if (rules.creatorsHaveInfinitePower && isCreator(userId, create)) return 'infinite';

  // Without a power levels event, the creator has 100 and all others have 0.
  // https://spec.matrix.org/v1.18/client-server-api/#mroompower_levels
  if (powerLevels === undefined) {
    return userId === originalCreator(rules, create) ? CREATOR_LEVEL_WITHOUT_POWER_LEVELS : DEFAULT_LEVEL;
  }
  const users = fieldOf(powerLevels.content, 'users');
  if (users !== undefined && !isJsonObject(users)) return 'unreadable';
  const own = fieldOf(users, userId);
  return readLevel(own === undefined ? fieldOf(powerLevels.content, 'users_default') : own, rules);
}

/**
 * Returns the level that an invite requires: 0 if the power levels do not set it.
 *
 * @param powerLevels the room's `m.room.power_levels`, `undefined` if it has none
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroompower_levels
 */
export function inviteLevelOf(
  rules: RoomVersionRules,
  powerLevels: StrippedStateEvent | undefined,
): bigint | Unreadable {
  return readLevel(fieldOf(powerLevels?.content, 'invite'), rules);
}

/**
 * Room version 11 removed `creator` from the create event: its sender is the creator.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v11/#remove-the-creator-property-of-mroomcreate-events
 */
function originalCreator(
  { creatorFrom }: RoomVersionRules,
  create: StrippedStateEvent,
): JsonValue | undefined {
  return creatorFrom === 'sender' ? create.sender : fieldOf(create.content, 'creator');
}

/**
 * Room version 12: the creators are the sender of the create event and its `additional_creators`.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v12/#authorization-rules
 */
function isCreator(userId: string, { sender, content }: StrippedStateEvent): boolean {
  const additional = fieldOf(content, 'additional_creators');
  return userId === sender || (Array.isArray(additional) && additional.includes(userId));
}

function readLevel(value: JsonValue | undefined, rules: RoomVersionRules): bigint | Unreadable {
  if (value === undefined) return DEFAULT_LEVEL;
  if (typeof value === 'number') return readNumber(value, rules);
  if (typeof value === 'string' && rules.stringPowerLevels) return readString(value);
  return 'unreadable';
}

/**
 * In room versions that allow floats, any double is a level, truncated. In others, only the integers of canonical JSON
 * are levels.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v1/#mroompower_levels-events-accept-values-as-floats
 */
function readNumber(value: number, { floatPowerLevels }: RoomVersionRules): bigint | Unreadable {
  const isLevel = floatPowerLevels ? Number.isFinite(value) : Number.isSafeInteger(value);
  return isLevel ? BigInt(Math.trunc(value)) : 'unreadable';
}

/**
 * A string is a base 10 integer, with an optional sign, leading zeroes and surrounding white space.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v1/#mroompower_levels-events-accept-values-as-strings
 */
function readString(value: string): bigint | Unreadable {
  return value.length <= MAX_LEVEL_LENGTH && INTEGER_STRING.test(value) ? BigInt(value) : 'unreadable';
}
