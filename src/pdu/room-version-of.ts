import { ROOM_VERSIONS, type RoomVersionRules } from '../rooms/room-version.ts';

/** @throws {RangeError} for an unknown room version */
export function rulesOf(roomVersion: string): RoomVersionRules {
  const rules = ROOM_VERSIONS.get(roomVersion);
  if (rules === undefined) throw new RangeError(`unknown room version ${JSON.stringify(roomVersion)}`);
  return rules;
}
