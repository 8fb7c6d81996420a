import { fieldOf, isJsonObject } from './content.ts';
import type { JsonValue, StrippedStateEvent } from './event.ts';
import type { RoomVersionRules } from './room-version.ts';

/** A user's power: exact, because levels written as strings have no upper bound; or a creator's, above all. */
export type PowerLevel = bigint | 'infinite';

/** A level that is there, but that the room's version has no meaning for. */
export type Unreadable = 'unreadable';

const DEFAULT_LEVEL = 0n;
const CREATOR_LEVEL_WITHOUT_POWER_LEVELS = 100n;

const INTEGER_TEXT = /^\s*[+-]?[0-9]+\s*$/;
/** An event is never larger (client-server API, "Size limits"), which bounds what reading a level can cost. */
const MAX_LEVEL_TEXT = 65_536;

/**
 * The power of a user (client-server API, "m.room.power_levels"): an entry of their own in `users`, else
 * `users_default`, else 0. Only what decides is read: the levels of others may be as unreadable as they like.
 *
 * @param create the room's `m.room.create`
 * @param powerLevels the room's `m.room.power_levels`, `undefined` where it has none
 */
export function powerLevelOf(
  userId: string,
  rules: RoomVersionRules,
  create: StrippedStateEvent,
  powerLevels: StrippedStateEvent | undefined,
): PowerLevel | Unreadable {
  if (rules.creatorsHaveInfinitePower && isCreator(userId, create)) return 'infinite';
  if (powerLevels === undefined) {
    return userId === originalCreator(rules, create) ? CREATOR_LEVEL_WITHOUT_POWER_LEVELS : DEFAULT_LEVEL;
  }
  const users = fieldOf(powerLevels.content, 'users');
  if (users !== undefined && !isJsonObject(users)) return 'unreadable';
  const own = fieldOf(users, userId);
  return readLevel(own === undefined ? fieldOf(powerLevels.content, 'users_default') : own, rules);
}

/**
 * The level that inviting takes: 0 where nothing is said.
 *
 * @param powerLevels the room's `m.room.power_levels`, `undefined` where it has none
 */
export function inviteLevelOf(
  rules: RoomVersionRules,
  powerLevels: StrippedStateEvent | undefined,
): bigint | Unreadable {
  return readLevel(fieldOf(powerLevels?.content, 'invite'), rules);
}

function originalCreator(
  { creatorFrom }: RoomVersionRules,
  create: StrippedStateEvent,
): JsonValue | undefined {
  return creatorFrom === 'sender' ? create.sender : fieldOf(create.content, 'creator');
}

/** Room version 12, "Authorisation rules": the sender of the create event, and `additional_creators`. */
function isCreator(userId: string, { sender, content }: StrippedStateEvent): boolean {
  const additional = fieldOf(content, 'additional_creators');
  return userId === sender || (Array.isArray(additional) && additional.includes(userId));
}

function readLevel(value: JsonValue | undefined, rules: RoomVersionRules): bigint | Unreadable {
  if (value === undefined) return DEFAULT_LEVEL;
  if (typeof value === 'number') return readNumber(value, rules);
  if (typeof value === 'string' && rules.stringPowerLevels) return readText(value);
  return 'unreadable';
}

/** Where floats are levels, any double is; where they are not, only the integers of canonical JSON are. */
function readNumber(value: number, { floatPowerLevels }: RoomVersionRules): bigint | Unreadable {
  const isLevel = floatPowerLevels ? Number.isFinite(value) : Number.isSafeInteger(value);
  return isLevel ? BigInt(Math.trunc(value)) : 'unreadable';
}

function readText(value: string): bigint | Unreadable {
  return value.length <= MAX_LEVEL_TEXT && INTEGER_TEXT.test(value) ? BigInt(value) : 'unreadable';
}
