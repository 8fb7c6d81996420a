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
  misshapen,
  powerLevelsEvent,
  stateEvent,
  VERSIONS,
  versions,
} from './support.ts';

const OUTSIDER = '@dora:other.org';
const ANSWERS = [
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

/** Any JSON, as a parser makes it: `__proto__` can be a key of its own. */
const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as JsonValue);
const version = fc.constantFrom(...VERSIONS);
const user = fc.constantFrom(CREATOR, ALICE, BOB, OUTSIDER);
const hostileKey = fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty');
const hostileVersion = fc.constantFrom<JsonValue>('__proto__', 'constructor', '01', '13', 11, null);

/** Values near the levels that rooms have, and values that are none. */
const level = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -2, max: 2 }) },
  fc.constantFrom<JsonValue>(50, 100, '50', ' +50', '-1', 50.5, -0, 2 ** 53, 1e300, Number.POSITIVE_INFINITY),
  fc.constantFrom<JsonValue>('', 'x', '5.5', '0x10', null, true, [], {}),
);

const levelOfUsers = fc.dictionary(fc.oneof(user, hostileKey), level, { maxKeys: 4 });

/** A content of known fields, some missing and some odd; now and then no object at all. */
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
    .map(([sender, value]) => misshapen({ ...stateEvent(type, state_key, {}), sender }, value));
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

function isYes({ decision }: InviteDecision): boolean {
  return decision === 'allowed' || decision === 'alreadyInvited';
}

describe('any room, of any shape', () => {
  it('gets an answer, and one of those that there are', () => {
    fc.assert(
      fc.property(room, user, user, (events, inviter, invitee) => {
        const answer = decideInvite(events, inviter, invitee);
        if (answer.decision === 'alreadyInvited') expect(events).toContain(answer.invite);
        else expect(ANSWERS).toContainEqual(answer);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gets an answer where the events hold nothing but arbitrary JSON', () => {
    fc.assert(
      fc.property(json, json, json, json, (create, powerLevels, inviter, invitee) => {
        const events = [
          misshapen(createEvent('1'), create),
          misshapen(powerLevelsEvent({}), powerLevels),
          misshapen(memberEvent(ALICE, 'join'), inviter),
          misshapen(memberEvent(BOB, 'invite'), invitee),
        ];
        expect(decideInvite(events, ALICE, BOB).decision).toMatch(/^(?:allowed|alreadyInvited|refused)$/);
      }),
      runs,
    );
  });

  it('says yes only where there is a create event, a joined inviter, and an invitee neither joined nor banned', () => {
    fc.assert(
      fc.property(room, user, user, (events, inviter, invitee) => {
        fc.pre(isYes(decideInvite(events, inviter, invitee)));
        const current = new Map(events.map((candidate) => [keyOf(candidate), candidate.content]));

        expect(current.has('m.room.create ')).toBe(true);
        expect(current.get(`m.room.member ${inviter}`)).toMatchObject({ membership: 'join' });
        const membership = current.get(`m.room.member ${invitee}`)?.membership;
        expect(['join', 'ban']).not.toContain(membership);
      }),
      runs,
    );
  });

  it('lets nobody invite themselves', () => {
    fc.assert(
      fc.property(room, user, (events, inviter) => {
        expect(decideInvite(events, inviter, inviter).decision).toMatch(/^(?:refused|createEventMissing)$/);
      }),
      runs,
    );
  });

  it('is answered the same in any order of its events', () => {
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

  it('is answered the same whatever else its state holds', () => {
    const other = fc
      .tuple(
        fc.constantFrom('m.room.create', 'm.room.power_levels', 'm.room.member', 'm.room.join_rules'),
        fc.oneof(user, fc.constantFrom('', 'x')),
        fc.oneof(createContent, powerLevelsContent, memberContent),
      )
      .map(([type, state_key, value]) => misshapen(stateEvent(type, state_key, {}), value));
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

  it('is left as it is', () => {
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
  /** Neighbours that are one and the same double. */
  const crowded = near.map((value) => 2n ** 60n + value);

  const asNumber = (value: bigint) => Number(value);
  /** Away from zero, so that truncation leads back. */
  const asFloat = (value: bigint) => Number(value) + (value < 0n ? -0.5 : 0.5);
  const asText = (value: bigint) => `${value}`;
  const asOddText = (value: bigint) => ` ${value < 0n ? '-' : '+'}00${value < 0n ? -value : value}\n`;

  type Written = { readonly version: string; readonly exact: bigint[]; readonly written: JsonValue[] };

  /** Levels, each in a way of writing that the version reads. */
  function writtenLevels(
    within: string[],
    values: fc.Arbitrary<bigint>,
    ways: ((value: bigint) => JsonValue)[],
  ): fc.Arbitrary<Written> {
    const one = fc.tuple(values, fc.constantFrom(...ways));
    return fc.tuple(fc.constantFrom(...within), one, one, one).map(([name, ...levels]) => ({
      version: name,
      exact: levels.map(([value]) => value),
      written: levels.map(([value, write]) => write(value)),
    }));
  }

  const written = fc.oneof(
    writtenLevels(versions(1, 5), near, [asNumber, asFloat, asText, asOddText]),
    writtenLevels(versions(6, 9), fc.oneof(near, safe), [asNumber, asText, asOddText]),
    writtenLevels(versions(1, 9), fc.oneof(crowded, huge), [asText, asOddText]),
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

  it('more power never turns a yes into a no', () => {
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

          if (isYes(at(less))) expect(at(more)).toEqual(at(less));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('a higher invite level never turns a no into a yes', () => {
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

          if (isYes(at(higher))) expect(at(lower)).toEqual(at(higher));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('room versions', () => {
  it('are known by their exact names only', () => {
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

  it('that are not known are refused, whatever else the room says', () => {
    fc.assert(
      fc.property(hostileVersion, createContent, powerLevelsContent, (room_version, create, powerLevels) => {
        const others = typeof create === 'object' && !Array.isArray(create) ? create : {};
        const events = [
          misshapen(createEvent('1'), { ...others, room_version }),
          misshapen(powerLevelsEvent({}), powerLevels),
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
