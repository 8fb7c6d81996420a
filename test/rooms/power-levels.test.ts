import { describe, expect, it } from 'vitest';
import type { JsonValue, StrippedStateEvent } from '../../src/rooms/event.ts';
import { inviteLevelOf, powerLevelOf } from '../../src/rooms/power-levels.ts';
import { type RoomVersionRules, roomVersionOf } from '../../src/rooms/room-version.ts';
import {
  ALICE,
  BOB,
  CREATOR,
  createEvent,
  powerLevelsEvent,
  VERSIONS,
  versions,
  withMalformedContent,
} from './support.ts';

function rulesOf(version: string): RoomVersionRules {
  const rules = roomVersionOf({ room_version: version });
  if (rules === undefined) throw new Error(`no such room version: ${version}`);
  return rules;
}

function power(
  version: string,
  userId: string,
  powerLevels?: StrippedStateEvent,
  create = createEvent(version),
) {
  return powerLevelOf(userId, rulesOf(version), create, powerLevels);
}

/** Reads one value from each place of a level that matters for an invite. */
function readings(version: string, level: JsonValue) {
  return [
    power(version, ALICE, powerLevelsEvent({ users: { [ALICE]: level } })),
    power(version, ALICE, powerLevelsEvent({ users: {}, users_default: level })),
    inviteLevelOf(rulesOf(version), powerLevelsEvent({ invite: level })),
  ];
}

describe.each(VERSIONS)('a level in version %s', (version) => {
  it.each([
    [0, 0n],
    [-0, 0n],
    [50, 50n],
    [-50, -50n],
    [Number.MAX_SAFE_INTEGER, 9007199254740991n],
    [Number.MIN_SAFE_INTEGER, -9007199254740991n],
  ])('%d is read', (level, expected) => {
    expect(readings(version, level)).toEqual([expected, expected, expected]);
  });

  it.each<JsonValue>([
    null,
    true,
    false,
    {},
    [],
    [50],
    { level: 50 },
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    '',
    ' ',
    '+',
    '-',
    '--5',
    '+-5',
    '- 5',
    '5 0',
    '5.0',
    '5.5',
    '1e2',
    '0x10',
    '0b1',
    '5n',
    '5_0',
    '٥',
    'Infinity',
    'NaN',
    'abc',
  ])('%j is unreadable', (level) => {
    expect(readings(version, level)).toEqual(['unreadable', 'unreadable', 'unreadable']);
  });
});

const STRINGS: [string, bigint][] = [
  ['100', 100n],
  ['000100', 100n],
  ['+100', 100n],
  ['-100', -100n],
  ['-0', 0n],
  [' 100 ', 100n],
  [' 00100 ', 100n],
  [' +100 ', 100n],
  ['\t -100\r\n', -100n],
  ['9007199254740993', 9007199254740993n],
  [`-1${'0'.repeat(40)}`, -(10n ** 40n)],
];

describe.each(versions(1, 9))('a level written as a string in version %s', (version) => {
  it.each(STRINGS)('%j is read', (level, expected) => {
    expect(readings(version, level)).toEqual([expected, expected, expected]);
  });
});

describe.each(versions(10, 12))('a level written as a string in version %s', (version) => {
  it.each(STRINGS)('%j is unreadable', (level) => {
    expect(readings(version, level)).toEqual(['unreadable', 'unreadable', 'unreadable']);
  });
});

const FLOATS: [number, bigint][] = [
  [50.57, 50n],
  [50.999999, 50n],
  [-50.57, -50n],
  [-0.5, 0n],
  [5.114698e4, 51146n],
  [1e-300, 0n],
  [2 ** 53, 9007199254740992n],
  [1e22, 10n ** 22n],
];

describe.each(versions(1, 5))('a float in version %s', (version) => {
  it.each(FLOATS)('%d is truncated towards zero', (level, expected) => {
    expect(readings(version, level)).toEqual([expected, expected, expected]);
  });
});

describe.each(versions(6, 12))('a number that canonical JSON does not have, in version %s', (version) => {
  it.each(FLOATS)('%d is unreadable', (level) => {
    expect(readings(version, level)).toEqual(['unreadable', 'unreadable', 'unreadable']);
  });
});

describe('a level of many digits', () => {
  it('is exact up to the maximum size of an event', () => {
    const digits = '9'.repeat(65_536);

    expect(inviteLevelOf(rulesOf('1'), powerLevelsEvent({ invite: digits }))).toBe(10n ** 65_536n - 1n);
  });

  it('is unreadable beyond that', () => {
    expect(inviteLevelOf(rulesOf('1'), powerLevelsEvent({ invite: '9'.repeat(65_537) }))).toBe('unreadable');
  });
});

describe.each(VERSIONS)('the level of a user in version %s', (version) => {
  it('is their own level, or else the default', () => {
    const powerLevels = powerLevelsEvent({ users: { [ALICE]: 7 }, users_default: 9 });

    expect(power(version, ALICE, powerLevels)).toBe(7n);
    expect(power(version, BOB, powerLevels)).toBe(9n);
  });

  it('is 0 by default', () => {
    expect(power(version, ALICE, powerLevelsEvent({}))).toBe(0n);
    expect(power(version, ALICE, powerLevelsEvent({ users: {} }))).toBe(0n);
    expect(power(version, ALICE)).toBe(0n);
  });

  it('does not depend on irrelevant levels', () => {
    const powerLevels = powerLevelsEvent({
      users: { [ALICE]: 7, [BOB]: 'high' },
      users_default: 'none',
      kick: null,
      events: 3,
    });

    expect(power(version, ALICE, powerLevels)).toBe(7n);
    expect(inviteLevelOf(rulesOf(version), powerLevels)).toBe(0n);
  });

  it.each([null, 0, 'users', [], [ALICE], true])('is unreadable if `users` is %j', (users) => {
    expect(power(version, ALICE, powerLevelsEvent({ users, users_default: 50 }))).toBe('unreadable');
  });

  it('is never read from a prototype', () => {
    const powerLevels = powerLevelsEvent(
      JSON.parse('{"users": {"__proto__": {"constructor": 100}}, "__proto__": {"users_default": 100}}'),
    );

    for (const userId of ['constructor', 'toString', ALICE]) {
      expect(power(version, userId, powerLevels)).toBe(0n);
    }
    expect(power(version, '__proto__', powerLevels)).toBe('unreadable');
  });

  it.each([null, 100, 'users', ['users']])('is 0 if the content is %j', (content) => {
    expect(power(version, ALICE, withMalformedContent(powerLevelsEvent({}), content))).toBe(0n);
  });
});

describe.each(versions(1, 11))('the creator of a room of version %s', (version) => {
  it('has 100 if there are no power levels', () => {
    expect(power(version, CREATOR)).toBe(100n);
  });

  it('has the level of the power levels event if there is one', () => {
    expect(power(version, CREATOR, powerLevelsEvent({}))).toBe(0n);
    expect(power(version, CREATOR, powerLevelsEvent({ users: { [CREATOR]: -1 } }))).toBe(-1n);
  });

  it('is one user, whatever `additional_creators` contains', () => {
    const create = createEvent(version, { additional_creators: [ALICE] });

    expect(power(version, ALICE, undefined, create)).toBe(0n);
  });
});

describe.each(versions(1, 10))('the creator of a room of version %s', (version) => {
  it('is read from the content, and can differ from the sender', () => {
    const create = createEvent(version, { creator: ALICE });

    expect(power(version, ALICE, undefined, create)).toBe(100n);
    expect(power(version, CREATOR, undefined, create)).toBe(0n);
  });

  it.each([null, [ALICE], { [ALICE]: ALICE }])('is nobody if `creator` is %j', (creator) => {
    expect(power(version, ALICE, undefined, createEvent(version, { creator }))).toBe(0n);
  });
});

describe.each(versions(11, 12))('the creator of a room of version %s', (version) => {
  it('is the sender, whatever `creator` contains', () => {
    const create = createEvent(version, { creator: ALICE });

    expect(power(version, ALICE, undefined, create)).toBe(0n);
    expect(power(version, CREATOR, undefined, create)).not.toBe(0n);
  });
});

describe('the creators of a room of version 12', () => {
  const create = createEvent('12', { additional_creators: [ALICE, 5, null, [BOB], { [BOB]: BOB }] });

  it.each([
    undefined,
    powerLevelsEvent({}),
    powerLevelsEvent({ users: { [CREATOR]: -100, [ALICE]: -100 } }),
    powerLevelsEvent({ users: 'nobody' }),
  ])('have infinite power, whatever the power levels contain (%j)', (powerLevels) => {
    expect(power('12', CREATOR, powerLevels, create)).toBe('infinite');
    expect(power('12', ALICE, powerLevels, create)).toBe('infinite');
  });

  it('are those that the list contains, and no others', () => {
    expect(power('12', BOB, powerLevelsEvent({}), create)).toBe(0n);
  });

  it.each([null, ALICE, { 0: ALICE, length: 1 }, `${ALICE},${BOB}`])(
    'are only the sender if `additional_creators` is %j',
    (additional_creators) => {
      const create = createEvent('12', { additional_creators });

      expect(power('12', ALICE, undefined, create)).toBe(0n);
      expect(power('12', CREATOR, undefined, create)).toBe('infinite');
    },
  );
});

describe.each(VERSIONS)('the invite level in version %s', (version) => {
  it('is 0 by default', () => {
    expect(inviteLevelOf(rulesOf(version), undefined)).toBe(0n);
    expect(inviteLevelOf(rulesOf(version), powerLevelsEvent({ users_default: 50, state_default: 50 }))).toBe(
      0n,
    );
  });
});
