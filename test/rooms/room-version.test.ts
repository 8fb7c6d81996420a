import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/rooms/event.ts';
import { ROOM_VERSIONS, roomVersionOf } from '../../src/rooms/room-version.ts';
import { VERSIONS } from './support.ts';

/**
 * Columns: version, alphabet of event IDs, references with hashes, strict canonical JSON, keys expire, `redacts` in the
 * content, restricted joins. `test/pdu/events.test.ts` tests what redaction keeps.
 */
const EXPECTED_OF_EVENTS = [
  ['1', 'standard', true, false, false, false, false],
  ['2', 'standard', true, false, false, false, false],
  ['3', 'standard', false, false, false, false, false],
  ['4', 'urlSafe', false, false, false, false, false],
  ['5', 'urlSafe', false, false, true, false, false],
  ['6', 'urlSafe', false, true, true, false, false],
  ['7', 'urlSafe', false, true, true, false, false],
  ['8', 'urlSafe', false, true, true, false, true],
  ['9', 'urlSafe', false, true, true, false, true],
  ['10', 'urlSafe', false, true, true, false, true],
  ['11', 'urlSafe', false, true, true, true, true],
  ['12', 'urlSafe', false, true, true, true, true],
] as const;

/** Columns: version, strings, floats, creator from, infinite power, domain in room IDs, domain in event IDs. */
const EXPECTED = [
  ['1', true, true, 'content', false, true, true],
  ['2', true, true, 'content', false, true, true],
  ['3', true, true, 'content', false, true, false],
  ['4', true, true, 'content', false, true, false],
  ['5', true, true, 'content', false, true, false],
  ['6', true, false, 'content', false, true, false],
  ['7', true, false, 'content', false, true, false],
  ['8', true, false, 'content', false, true, false],
  ['9', true, false, 'content', false, true, false],
  ['10', false, false, 'content', false, true, false],
  ['11', false, false, 'sender', false, true, false],
  ['12', false, false, 'sender', true, false, false],
] as const;

describe('the table of room versions', () => {
  it.each(EXPECTED)(
    'has the rules of version %s',
    (version, stringPowerLevels, floatPowerLevels, creatorFrom, creatorsHaveInfinitePower, roomIdHasDomain, eventIdHasDomain) => {
      expect(roomVersionOf({ room_version: version })).toMatchObject({
        version,
        stringPowerLevels,
        floatPowerLevels,
        creatorFrom,
        creatorsHaveInfinitePower,
        roomIdHasDomain,
        eventIdHasDomain,
      });
    },
  );

  it.each(EXPECTED_OF_EVENTS)(
    'has the rules of events in version %s',
    (version, eventIdAlphabet, referencesHaveHashes, strictCanonicalJson, keysExpire, redactsInContent, restrictedJoins) => {
      expect(roomVersionOf({ room_version: version })).toMatchObject({
        eventIdAlphabet,
        referencesHaveHashes,
        strictCanonicalJson,
        keysExpire,
        redactsInContent,
        restrictedJoins,
      });
    },
  );

  it('has exactly one row for each version', () => {
    expect([...ROOM_VERSIONS.keys()]).toEqual([...VERSIONS]);
  });

  it('cannot be changed through a row', () => {
    for (const rules of ROOM_VERSIONS.values()) expect(Object.isFrozen(rules)).toBe(true);
  });
});

describe('the version of a room', () => {
  it('is 1 if the create event names none', () => {
    expect(roomVersionOf({})?.version).toBe('1');
    expect(roomVersionOf({ creator: '@creator:example.org', 'm.federate': true })?.version).toBe('1');
  });

  it.each<JsonValue>([
    '__proto__',
    'constructor',
    'toString',
    '',
    '0',
    '01',
    '1.0',
    '+1',
    ' 1',
    '1 ',
    '1\n',
    '١',
    '13',
    'org.matrix.x',
    'org.matrix.hydra.11',
    1,
    11,
    12,
    true,
    false,
    null,
    {},
    { toString: '1' },
    [],
    ['1'],
  ])('is unknown for %j', (room_version) => {
    expect(roomVersionOf({ room_version })).toBeUndefined();
  });

  it('is not read from a prototype', () => {
    const inherited = Object.create({ room_version: '12' }) as JsonObject;
    const parsed = JSON.parse('{"__proto__": {"room_version": "12"}}') as JsonObject;

    expect(roomVersionOf(inherited)?.version).toBe('1');
    expect(roomVersionOf(parsed)?.version).toBe('1');
  });

  it.each([null, 12, '12', [], [{ room_version: '12' }]])('is 1 for the malformed content %j', (content) => {
    expect(roomVersionOf(content as unknown as JsonObject)?.version).toBe('1');
  });
});
