import { fieldOf } from './content.ts';
import type { JsonObject } from './event.ts';

/** What room versions differ in, as far as an invite is concerned. Ask for a flag, never for the number. */
export type RoomVersionRules = {
  /** As it stands in the create event's `room_version`. */
  readonly version: string;
  /** Power levels may be integers written as strings ("`m.room.power_levels` events accept values as strings"). */
  readonly stringPowerLevels: boolean;
  /** Power levels may be floats, truncated towards zero ("… accept values as floats"). */
  readonly floatPowerLevels: boolean;
  /** Where the creator's user id stands: `content.creator` of the create event, or its `sender`. */
  readonly creatorFrom: 'content' | 'sender';
  /** The creator and `additional_creators` have infinite power, whatever the power levels say. */
  readonly creatorsHaveInfinitePower: boolean;
  /** Room ids are `!opaque:domain`; otherwise `!` and the create event's hash. */
  readonly roomIdHasDomain: boolean;
  /** Event ids are `$opaque:domain`; otherwise `$` and the event's hash. */
  readonly eventIdHasDomain: boolean;
};

// Each version builds on the one before it, as in the specification: a row says what is new in it.
const V1: RoomVersionRules = {
  version: '1',
  stringPowerLevels: true,
  floatPowerLevels: true,
  creatorFrom: 'content',
  creatorsHaveInfinitePower: false,
  roomIdHasDomain: true,
  eventIdHasDomain: true,
};
const V2: RoomVersionRules = { ...V1, version: '2' };
const V3: RoomVersionRules = { ...V2, version: '3', eventIdHasDomain: false };
const V4: RoomVersionRules = { ...V3, version: '4' };
const V5: RoomVersionRules = { ...V4, version: '5' };
const V6: RoomVersionRules = { ...V5, version: '6', floatPowerLevels: false };
const V7: RoomVersionRules = { ...V6, version: '7' };
const V8: RoomVersionRules = { ...V7, version: '8' };
const V9: RoomVersionRules = { ...V8, version: '9' };
const V10: RoomVersionRules = { ...V9, version: '10', stringPowerLevels: false };
const V11: RoomVersionRules = { ...V10, version: '11', creatorFrom: 'sender' };
const V12: RoomVersionRules = {
  ...V11,
  version: '12',
  creatorsHaveInfinitePower: true,
  roomIdHasDomain: false,
};

/** The room versions that are known, by name. */
export const ROOM_VERSIONS: ReadonlyMap<string, RoomVersionRules> = new Map(
  [V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12].map((rules) => [rules.version, Object.freeze(rules)]),
);

/**
 * The rules of the room with that create event, or `undefined` for a version that is not known. Without
 * `room_version` it is version 1 (client-server API, "m.room.create"). Versions are strings, compared exactly:
 * neither the number 11 nor `"01"` is one.
 *
 * @param createContent the content of `m.room.create`
 */
export function roomVersionOf(createContent: JsonObject): RoomVersionRules | undefined {
  const version = fieldOf(createContent, 'room_version');
  if (version === undefined) return V1;
  return typeof version === 'string' ? ROOM_VERSIONS.get(version) : undefined;
}
