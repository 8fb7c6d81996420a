import type { JsonObject, JsonValue } from '../rooms/event.ts';
import { domainOf, isRoomId, isServerName, isUserId } from '../rooms/identifiers.ts';
import type { RoomVersionRules } from '../rooms/room-version.ts';
import { isExactNumber, isObject } from './exact-json.ts';
import { canonicalText } from './hashes.ts';
import { type Pdu, PduError, type PduFault } from './pdu.ts';
import { rulesOf } from './room-version-of.ts';

/** https://spec.matrix.org/v1.18/client-server-api/#size-limits */
const MAX_BYTES = 65_536;
const MAX_ID_BYTES = 255;
const IDS = ['sender', 'room_id', 'state_key', 'type', 'event_id'];

const MAX_AUTH_EVENTS = 10;
const MAX_PREV_EVENTS = 20;

/** A check of one key. `expects` completes the sentence `KEY must be …`. */
type KeyCheck = {
  readonly key: string;
  readonly expects: string;
  readonly accepts: (value: JsonValue | undefined, event: JsonObject, rules: RoomVersionRules) => boolean;
};

const isString = (value: JsonValue | undefined) => typeof value === 'string';

const CHECKS: readonly KeyCheck[] = [
  { key: 'type', expects: 'a string', accepts: isString },
  { key: 'sender', expects: 'a user ID', accepts: (value) => typeof value === 'string' && isUserId(value) },
  {
    key: 'room_id',
    expects: 'a room ID of the room version, or absent if it is the hash of this event',
    accepts: (value, event, rules) =>
      hasNoRoomId(event, rules) ? value === undefined : isRoomIdOf(value, rules),
  },
  {
    key: 'event_id',
    expects: 'an event ID with a domain',
    accepts: (value, _event, rules) => !rules.eventIdHasDomain || isEventIdWithDomain(value),
  },
  {
    key: 'state_key',
    expects: 'a string or absent',
    accepts: (value) => value === undefined || isString(value),
  },
  {
    key: 'redacts',
    expects: 'a string or absent',
    accepts: (value, _event, rules) => rules.redactsInContent || value === undefined || isString(value),
  },
  { key: 'content', expects: 'an object', accepts: isObject },
  { key: 'origin_server_ts', expects: 'an integer', accepts: isInteger },
  {
    key: 'depth',
    expects: 'an integer from 0 to the maximum of the room version',
    accepts: (value, _event, rules) => isInteger(value) && isDepth(value, rules),
  },
  {
    key: 'auth_events',
    expects: `a list of at most ${MAX_AUTH_EVENTS} references`,
    accepts: (value, _event, rules) => areReferences(value, MAX_AUTH_EVENTS, rules),
  },
  {
    key: 'prev_events',
    expects: `a list of at most ${MAX_PREV_EVENTS} references`,
    accepts: (value, _event, rules) => areReferences(value, MAX_PREV_EVENTS, rules),
  },
  {
    key: 'hashes',
    expects: 'an object with a string "sha256"',
    accepts: (value) => isObject(value) && isString(value.sha256),
  },
  {
    key: 'signatures',
    expects: 'an object of objects of strings',
    accepts: (value) =>
      isObject(value) &&
      Object.values(value).every((each) => isObject(each) && Object.values(each).every(isString)),
  },
  {
    key: 'unsigned',
    expects: 'an object or absent',
    accepts: (value) => value === undefined || isObject(value),
  },
];

/**
 * Checks that a value is an event in the format of a room version: keys, types, sizes, canonical JSON. It checks neither
 * hashes nor signatures nor whether the room allows the event.
 *
 * Sizes are bytes of UTF-8: 65,536 for the event, `signatures` and `unsigned` included, and 255 for `sender`, `room_id`,
 * `state_key`, `type` and `event_id`.
 *
 * @returns what is wrong, or `undefined` for a {@link Pdu}
 * @throws {RangeError} for an unknown room version
 * @see https://spec.matrix.org/v1.18/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function pduFault(value: JsonValue, roomVersion: string): PduFault | undefined {
  const rules = rulesOf(roomVersion);
  if (!isObject(value)) return malformed('an event must be an object');
  try {
    return keyFault(value, rules) ?? sizeFault(Buffer.byteLength(canonicalText(value, rules)));
  } catch (error) {
    if (error instanceof PduError) return malformed(error.message);
    throw error;
  }
}

/** Returns what is wrong with one of an event's keys, each checked by itself. */
export function keyFault(event: JsonObject, rules: RoomVersionRules): PduFault | undefined {
  for (const key of IDS) {
    if (exceeds(event[key], MAX_ID_BYTES)) return tooLarge(`${key} must be at most ${MAX_ID_BYTES} bytes`);
  }
  for (const { key, expects, accepts } of CHECKS) {
    if (!accepts(event[key], event, rules)) return malformed(`${key} must be ${expects}`);
  }
  return undefined;
}

/** Returns what is wrong with the size of an event's canonical JSON in bytes. */
export function sizeFault(bytes: number): PduFault | undefined {
  return bytes > MAX_BYTES ? tooLarge(`an event must be at most ${MAX_BYTES} bytes`) : undefined;
}

/** Returns true for an event in the format of a room version, see {@link pduFault}. */
export function isPdu(value: JsonValue, roomVersion: string): value is Pdu {
  return pduFault(value, roomVersion) === undefined;
}

/** Returns true for the create event of a room whose ID is its hash. */
export function hasNoRoomId({ type, state_key }: JsonObject, rules: RoomVersionRules): boolean {
  return !rules.roomIdHasDomain && type === 'm.room.create' && state_key === '';
}

/** The greatest `depth`. Before room version 6 it is 2^63−1, more than a JavaScript number can count. */
function isDepth(value: JsonValue | undefined, { strictCanonicalJson }: RoomVersionRules): boolean {
  const depth = Number(value);
  return depth >= 0 && depth <= (strictCanonicalJson ? Number.MAX_SAFE_INTEGER : 2 ** 63);
}

function isInteger(value: JsonValue | undefined): boolean {
  return isExactNumber(value) ? /^-?\d+$/.test(value.text) : Number.isInteger(value);
}

function isRoomIdOf(value: JsonValue | undefined, { roomIdHasDomain }: RoomVersionRules): boolean {
  if (typeof value !== 'string') return false;
  if (!roomIdHasDomain) return /^![A-Za-z0-9_-]{43}$/.test(value);
  return isRoomId(value) && domainOf(value) !== undefined;
}

function isEventIdWithDomain(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && value.startsWith('$') && isServerName(domainOf(value) ?? '');
}

function areReferences(value: JsonValue | undefined, max: number, rules: RoomVersionRules): boolean {
  return Array.isArray(value) && value.length <= max && value.every((each) => isReference(each, rules));
}

function isReference(value: JsonValue, { referencesHaveHashes }: RoomVersionRules): boolean {
  if (!referencesHaveHashes) return isEventId(value);
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [eventId, hashes] = value;
  return isEventId(eventId) && isObject(hashes) && isString(hashes.sha256);
}

function isEventId(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && value.startsWith('$') && !exceeds(value, MAX_ID_BYTES);
}

function exceeds(value: JsonValue | undefined, maxBytes: number): boolean {
  return typeof value === 'string' && value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes;
}

function malformed(message: string): PduFault {
  return { reason: 'malformed', message };
}

function tooLarge(message: string): PduFault {
  return { reason: 'tooLarge', message };
}
