import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue, StrippedStateEvent } from '../../src/rooms/event.ts';
import { decideInvite, type InviteDecision, inviteStateKeys } from '../../src/rooms/invite-rule.ts';
import { roomVersionOf } from '../../src/rooms/room-version.ts';
import {
  ALICE,
  BOB,
  CREATOR,
  createEvent,
  keyOf,
  memberEvent,
  powerLevelsEvent,
  stateEvent,
  VERSIONS,
  versions,
  withMalformedContent,
} from './support.ts';

const OUTSIDER = '@dora:other.org';
const DECISIONS = [
  { decision: 'allowed' },
  { decision: 'createEventMissing' },
  ...[
    'roomUnknownOrInviterNotJoined',
    'roomVersionUnknown',
    'unfederatable',
    'inviteeBanned',
    'inviteeJoined',
    'insufficientPower',
    'powerLevelUnreadable',
  ].map((reason) => ({ decision: 'refused', reason })),
];
const runs = { numRuns: 300 };

/** Any JSON as a parser returns it: `__proto__` can be an own key. */
const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as JsonValue);
const version = fc.constantFrom(...VERSIONS);
const user = fc.constantFrom(CREATOR, ALICE, BOB, OUTSIDER);
const hostileKey = fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty');
const hostileVersion = fc.constantFrom<JsonValue>('__proto__', 'constructor', '01', '13', 11, null);

/** Values near the levels that rooms have, and values that are not levels. */
const level = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -2, max: 2 }) },
  fc.constantFrom<JsonValue>(50, 100, '50', ' +50', '-1', 50.5, -0, 2 ** 53, 1e300, Number.POSITIVE_INFINITY),
  fc.constantFrom<JsonValue>('', 'x', '5.5', '0x10', null, true, [], {}),
);

const levelOfUsers = fc.dictionary(fc.oneof(user, hostileKey), level, { maxKeys: 4 });

/** Returns content with known fields, some missing and some malformed, or occasionally any JSON. */
function content(
  fields: Record<string, fc.Arbitrary<JsonValue>>,
  requiredKeys: string[] = [],
): fc.Arbitrary<JsonValue> {
  const shaped = fc.record(fields, { requiredKeys }).map((object) => object as JsonObject);
  return fc.oneof({ weight: 15, arbitrary: shaped }, { weight: 1, arbitrary: json });
}

const createContent = content(
  {
    room_version: fc.oneof({ weight: 20, arbitrary: version }, hostileVersion, json),
    creator: fc.oneof(user, json),
    'm.federate': fc.oneof(fc.boolean(), json),
    additional_creators: fc.oneof(fc.array(fc.oneof(user, json), { maxLength: 3 }), json),
  },
  ['room_version'],
);
const powerLevelsContent = content({
  invite: level,
  users_default: level,
  users: fc.oneof({ weight: 9, arbitrary: levelOfUsers }, json),
  kick: json,
  events: json,
});
const membership = fc.constantFrom<JsonValue>(
  'join',
  'join',
  'join',
  'invite',
  'invite',
  'leave',
  'ban',
  'knock',
);
const memberContent = content({ membership: fc.oneof({ weight: 15, arbitrary: membership }, json) }, [
  'membership',
]);

function event(
  type: string,
  state_key: string,
  body: fc.Arbitrary<JsonValue>,
): fc.Arbitrary<StrippedStateEvent> {
  return fc
    .tuple(user, body)
    .map(([sender, value]) => withMalformedContent({ ...stateEvent(type, state_key, {}), sender }, value));
}

/** The current state of a room: at most one event for each key, in any order. */
const room = fc
  .tuple(
    fc.option(event('m.room.create', '', createContent), { freq: 10 }),
    fc.option(event('m.room.power_levels', '', powerLevelsContent), { freq: 3 }),
    ...[CREATOR, ALICE, BOB, OUTSIDER].map((userId) =>
      fc.option(event('m.room.member', userId, memberContent), { freq: 8 }),
    ),
  )
  .map((events) => events.filter((candidate) => candidate !== null));

function isAllowed({ decision }: InviteDecision): boolean {
  return decision === 'allowed' || decision === 'alreadyInvited';
}

describe('any room, even a malformed one', () => {
  it('leads to one of the known decisions', () => {
    fc.assert(
      fc.property(room, user, user, (events, inviter, invitee) => {
        const result = decideInvite(events, inviter, invitee);
        if (result.decision === 'alreadyInvited') expect(events).toContain(result.invite);
        else expect(DECISIONS).toContainEqual(result);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leads to a decision even if the events contain arbitrary JSON', () => {
    fc.assert(
      fc.property(json, json, json, json, (create, powerLevels, inviter, invitee) => {
        const events = [
          withMalformedContent(createEvent('1'), create),
          withMalformedContent(powerLevelsEvent({}), powerLevels),
          withMalformedContent(memberEvent(ALICE, 'join'), inviter),
          withMalformedContent(memberEvent(BOB, 'invite'), invitee),
        ];
        expect(decideInvite(events, ALICE, BOB).decision).toMatch(/^(?:allowed|alreadyInvited|refused)$/);
      }),
      runs,
    );
  });

  it('allows an invite only with a create event, a joined inviter, and an invitee neither joined nor banned', () => {
    fc.assert(
      fc.property(room, user, user, (events, inviter, invitee) => {
        fc.pre(isAllowed(decideInvite(events, inviter, invitee)));
        const current = new Map(events.map((candidate) => [keyOf(candidate), candidate.content]));

        expect(current.has('m.room.create ')).toBe(true);
        expect(current.get(`m.room.member ${inviter}`)).toMatchObject({ membership: 'join' });
        const membership = current.get(`m.room.member ${invitee}`)?.membership;
        expect(['join', 'ban']).not.toContain(membership);
      }),
      runs,
    );
  });

  it('allows nobody to invite themselves', () => {
    fc.assert(
      fc.property(room, user, (events, inviter) => {
        expect(decideInvite(events, inviter, inviter).decision).toMatch(/^(?:refused|createEventMissing)$/);
      }),
      runs,
    );
  });

  it('leads to the same decision in any order of its events', () => {
    const shuffled = room.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
    );
    fc.assert(
      fc.property(shuffled, user, user, ([events, reordered], inviter, invitee) => {
        expect(decideInvite(reordered, inviter, invitee)).toEqual(decideInvite(events, inviter, invitee));
      }),
      runs,
    );
  });

  it('leads to the same decision whatever else its state contains', () => {
    const other = fc
      .tuple(
        fc.constantFrom('m.room.create', 'm.room.power_levels', 'm.room.member', 'm.room.join_rules'),
        fc.oneof(user, fc.constantFrom('', 'x')),
        fc.oneof(createContent, powerLevelsContent, memberContent),
      )
      .map(([type, state_key, value]) => withMalformedContent(stateEvent(type, state_key, {}), value));
    fc.assert(
      fc.property(room, fc.array(other), user, user, (events, others, inviter, invitee) => {
        const deciding = new Set(inviteStateKeys(inviter, invitee).map(keyOf));
        const irrelevant = others.filter((candidate) => !deciding.has(keyOf(candidate)));
        const needed = events.filter((candidate) => deciding.has(keyOf(candidate)));

        const decision = decideInvite(needed, inviter, invitee);

        expect(decideInvite(events, inviter, invitee)).toEqual(decision);
        expect(decideInvite([...irrelevant, ...needed], inviter, invitee)).toEqual(decision);
      }),
      runs,
    );
  });

  it('is left unchanged', () => {
    fc.assert(
      fc.property(room, user, user, (events, inviter, invitee) => {
        const before = structuredClone(events);
        decideInvite(events, inviter, invitee);
        expect(events).toEqual(before);
      }),
      runs,
    );
  });
});

describe('levels', () => {
  const near = fc.bigInt({ min: -3n, max: 3n });
  const safe = fc.bigInt({ min: BigInt(Number.MIN_SAFE_INTEGER), max: BigInt(Number.MAX_SAFE_INTEGER) });
  const huge = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
  /** Neighbors that are the same double. */
  const crowded = near.map((value) => 2n ** 60n + value);

  const asNumber = (value: bigint) => Number(value);
  /** Moves the value away from zero, so that truncation restores it. */
  const asFloat = (value: bigint) => Number(value) + (value < 0n ? -0.5 : 0.5);
  const asString = (value: bigint) => `${value}`;
  const asOddString = (value: bigint) => ` ${value < 0n ? '-' : '+'}00${value < 0n ? -value : value}\n`;

  type Written = { readonly version: string; readonly exact: bigint[]; readonly written: JsonValue[] };

  /** Returns levels, each in a notation that the version can read. */
  function writtenLevels(
    within: string[],
    values: fc.Arbitrary<bigint>,
    notations: ((value: bigint) => JsonValue)[],
  ): fc.Arbitrary<Written> {
    const one = fc.tuple(values, fc.constantFrom(...notations));
    return fc.tuple(fc.constantFrom(...within), one, one, one).map(([name, ...levels]) => ({
      version: name,
      exact: levels.map(([value]) => value),
      written: levels.map(([value, write]) => write(value)),
    }));
  }

  const written = fc.oneof(
    writtenLevels(versions(1, 5), near, [asNumber, asFloat, asString, asOddString]),
    writtenLevels(versions(6, 9), fc.oneof(near, safe), [asNumber, asString, asOddString]),
    writtenLevels(versions(1, 9), fc.oneof(crowded, huge), [asString, asOddString]),
    writtenLevels(versions(1, 12), fc.oneof(near, safe), [asNumber]),
  );

  function decideAt(name: string, powerLevels: JsonObject, invitee: JsonValue = 'leave', inviter = ALICE) {
    const events = [
      createEvent(name),
      powerLevelsEvent(powerLevels),
      memberEvent(inviter, 'join'),
      memberEvent(BOB, invitee),
    ];
    return decideInvite(events, inviter, BOB);
  }

  it('are compared exactly, however they are written', () => {
    fc.assert(
      fc.property(written, fc.boolean(), ({ version, exact, written }, listed) => {
        const [power = 0n, invite = 0n] = exact;
        const [powerLevel = null, inviteLevel = null] = written;
        const own: JsonObject = listed ? { users: { [ALICE]: powerLevel } } : { users_default: powerLevel };

        expect(decideAt(version, { ...own, invite: inviteLevel })).toEqual(
          power >= invite ? { decision: 'allowed' } : { decision: 'refused', reason: 'insufficientPower' },
        );
      }),
      { numRuns: 1_000 },
    );
  });

  const ordered = ({ exact, written }: Written): [JsonValue, JsonValue] => {
    const [first = 0n, second = 0n] = exact;
    const [firstLevel = null, secondLevel = null] = written;
    return first <= second ? [firstLevel, secondLevel] : [secondLevel, firstLevel];
  };
  const anyLevel = fc.option(level, { nil: undefined });
  const member = fc.constantFrom<JsonValue>('leave', 'invite', 'knock', 'join', 'ban');

  it('more power never turns an allowed invite into a refused one', () => {
    fc.assert(
      fc.property(
        written,
        fc.oneof(fc.constant('third'), anyLevel),
        member,
        fc.boolean(),
        fc.constantFrom(ALICE, CREATOR),
        (levels, inviteLevel, invitee, listed, inviter) => {
          const [less, more] = ordered(levels);
          const invite = inviteLevel === 'third' ? levels.written[2] : inviteLevel;
          const at = (own: JsonValue) =>
            decideAt(
              levels.version,
              {
                ...(listed ? { users: { [inviter]: own } } : { users_default: own }),
                ...(invite !== undefined && { invite }),
              },
              invitee,
              inviter,
            );

          if (isAllowed(at(less))) expect(at(more)).toEqual(at(less));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('a higher invite level never turns a refused invite into an allowed one', () => {
    fc.assert(
      fc.property(
        written,
        fc.oneof(fc.constant('third'), anyLevel),
        member,
        fc.constantFrom(ALICE, CREATOR),
        (levels, ownLevel, invitee, inviter) => {
          const [lower, higher] = ordered(levels);
          const own = ownLevel === 'third' ? levels.written[2] : ownLevel;
          const at = (invite: JsonValue) =>
            decideAt(
              levels.version,
              { invite, ...(own !== undefined && { users: { [inviter]: own } }) },
              invitee,
              inviter,
            );

          if (isAllowed(at(higher))) expect(at(lower)).toEqual(at(higher));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('room versions', () => {
  it('are known only by their exact names', () => {
    const almost = fc
      .tuple(
        version,
        fc.constantFrom('', ' ', '0', '+', '\n', '.0'),
        fc.constantFrom('', ' ', '0', '\n', '.0'),
      )
      .map(([name, before, after]) => before + name + after);
    fc.assert(
      fc.property(fc.oneof(almost, hostileKey, fc.string(), json), (room_version) => {
        const isKnown = VERSIONS.some((name) => name === room_version);
        expect(roomVersionOf({ room_version }) !== undefined).toBe(isKnown);
      }),
      { numRuns: 1_000 },
    );
  });

  it('that are unknown lead to a refusal, whatever else the room contains', () => {
    fc.assert(
      fc.property(hostileVersion, createContent, powerLevelsContent, (room_version, create, powerLevels) => {
        const others = typeof create === 'object' && !Array.isArray(create) ? create : {};
        const events = [
          withMalformedContent(createEvent('1'), { ...others, room_version }),
          withMalformedContent(powerLevelsEvent({}), powerLevels),
          memberEvent(ALICE, 'join'),
        ];
        expect(decideInvite(events, ALICE, BOB)).toEqual({
          decision: 'refused',
          reason: 'roomVersionUnknown',
        });
      }),
      runs,
    );
  });
});
