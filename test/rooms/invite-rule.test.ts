import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue, StrippedStateEvent } from '../../src/rooms/event.ts';
import { decideInvite, type InviteRefusalReason, inviteStateKeys } from '../../src/rooms/invite-rule.ts';
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

type Room = {
  create?: JsonObject;
  powerLevels?: JsonObject;
  /** Default: joined. `null` means no membership event. */
  inviter?: JsonValue;
  invitee?: JsonValue;
};

/** Decides an invite: by default one of Bob by Alice, who is joined. */
function decide(version: string, room: Room = {}, inviter = ALICE, invitee = BOB) {
  const {
    create,
    powerLevels,
    inviter: inviterMembership = 'join',
    invitee: inviteeMembership = null,
  } = room;
  const events = [createEvent(version, create)];
  if (powerLevels !== undefined) events.push(powerLevelsEvent(powerLevels));
  if (inviterMembership !== null) events.push(memberEvent(inviter, inviterMembership));
  if (inviteeMembership !== null && inviter !== invitee) events.push(memberEvent(invitee, inviteeMembership));
  return decideInvite(events, inviter, invitee);
}

const ALLOWED = { decision: 'allowed' };
const refused = (reason: InviteRefusalReason) => ({ decision: 'refused', reason });

describe('the state keys of an invite', () => {
  it('are create, power levels and both memberships', () => {
    expect(inviteStateKeys(ALICE, BOB)).toEqual([
      { type: 'm.room.create', state_key: '' },
      { type: 'm.room.power_levels', state_key: '' },
      { type: 'm.room.member', state_key: ALICE },
      { type: 'm.room.member', state_key: BOB },
    ]);
  });

  it('contain one membership if users invite themselves', () => {
    expect(inviteStateKeys(ALICE, ALICE)).toEqual([
      { type: 'm.room.create', state_key: '' },
      { type: 'm.room.power_levels', state_key: '' },
      { type: 'm.room.member', state_key: ALICE },
    ]);
  });

  it('contain no invitee if the invite is by address', () => {
    expect(inviteStateKeys(ALICE, undefined)).toEqual([
      { type: 'm.room.create', state_key: '' },
      { type: 'm.room.power_levels', state_key: '' },
      { type: 'm.room.member', state_key: ALICE },
    ]);
  });

  it('can be changed by the caller without side effects', () => {
    inviteStateKeys(ALICE, BOB).length = 0;
    for (const key of inviteStateKeys(ALICE, BOB)) Object.assign(key, { type: 'x' });

    expect(inviteStateKeys(ALICE, BOB)[0]).toEqual({ type: 'm.room.create', state_key: '' });
  });
});

describe.each(VERSIONS)('an invite in version %s', (version) => {
  it('is allowed for every joined user by default', () => {
    expect(decide(version)).toEqual(ALLOWED);
    expect(decide(version, { powerLevels: {} })).toEqual(ALLOWED);
    expect(decide(version, { powerLevels: { users_default: 0, state_default: 100 } })).toEqual(ALLOWED);
  });

  it.each([null, 'invite', 'leave', 'ban', 'knock', 'Join', '', 1, ['join'], { join: true }])(
    'is refused for an inviter whose membership is %j',
    (inviter) => {
      const powerLevels = { users: { [ALICE]: 100 } };

      expect(decide(version, { inviter, powerLevels })).toEqual(refused('roomUnknownOrInviterNotJoined'));
    },
  );

  it.each([null, 'leave', 'knock', 'left', 'Ban', 5, ['ban']])(
    'of a user whose membership is %j is allowed',
    (invitee) => {
      expect(decide(version, { invitee })).toEqual(ALLOWED);
    },
  );

  it('of a banned user is refused, whatever the inviter’s power', () => {
    const powerLevels = { users: { [ALICE]: 100 } };

    expect(decide(version, { invitee: 'ban', powerLevels })).toEqual(refused('inviteeBanned'));
  });

  it('of a joined user is refused', () => {
    expect(decide(version, { invitee: 'join' })).toEqual(refused('inviteeJoined'));
  });

  it('of oneself is refused', () => {
    expect(decide(version, {}, ALICE, ALICE)).toEqual(refused('inviteeJoined'));
    expect(decide(version, {}, CREATOR, CREATOR)).toEqual(refused('inviteeJoined'));
  });

  it('of a user who is already invited returns that invite', () => {
    expect(decide(version, { invitee: 'invite' })).toEqual({
      decision: 'alreadyInvited',
      invite: memberEvent(BOB, 'invite'),
    });
  });

  it('requires the invite level', () => {
    const powerOf = (level: JsonValue) => ({ powerLevels: { invite: 50, users: { [ALICE]: level } } });

    expect(decide(version, powerOf(49))).toEqual(refused('insufficientPower'));
    expect(decide(version, powerOf(50))).toEqual(ALLOWED);
    expect(decide(version, powerOf(51))).toEqual(ALLOWED);
  });

  it('requires the invite level even if the invitee is already invited', () => {
    const powerLevels = { invite: 50 };

    expect(decide(version, { invitee: 'invite', powerLevels })).toEqual(refused('insufficientPower'));
  });

  it('uses the default level for users who are not listed', () => {
    const listed = { users: { [BOB]: 100 }, invite: 50 };

    expect(decide(version, { powerLevels: { ...listed, users_default: 49 } })).toEqual(
      refused('insufficientPower'),
    );
    expect(decide(version, { powerLevels: { ...listed, users_default: 50 } })).toEqual(ALLOWED);
  });

  it('is refused for a level below zero if there is no invite level', () => {
    expect(decide(version, { powerLevels: { users: { [ALICE]: -1 } } })).toEqual(
      refused('insufficientPower'),
    );
  });

  it.each<JsonObject>([{ invite: null }, { users: { [ALICE]: [] } }, { users_default: {} }, { users: 5 }])(
    'is refused if a relevant level is unreadable: %j',
    (powerLevels) => {
      expect(decide(version, { powerLevels })).toEqual(refused('powerLevelUnreadable'));
    },
  );

  it('does not depend on unreadable levels that are irrelevant', () => {
    const powerLevels = {
      kick: 'x',
      ban: null,
      events: 1,
      users: { [ALICE]: 1, [BOB]: null },
      users_default: [],
    };

    expect(decide(version, { powerLevels })).toEqual(ALLOWED);
  });

  it('is refused for inviters of other servers if the room is not federated', () => {
    const create = { 'm.federate': false };

    expect(decide(version, { create }, '@alice:other.org', BOB)).toEqual(refused('unfederatable'));
    expect(decide(version, { create }, '@alice:example.org:8448', BOB)).toEqual(refused('unfederatable'));
    expect(decide(version, { create }, '@alice:EXAMPLE.org', BOB)).toEqual(refused('unfederatable'));
    expect(decide(version, { create }, ALICE, '@bob:other.org')).toEqual(ALLOWED);
  });

  it.each([true, null, 'false', 0, {}])(
    'is allowed for inviters of other servers if `m.federate` is %j',
    (federate) => {
      expect(decide(version, { create: { 'm.federate': federate } }, '@alice:other.org')).toEqual(ALLOWED);
    },
  );

  it('uses the server of the create event’s sender, not of `creator`, as the room’s', () => {
    const create = { 'm.federate': false, creator: '@creator:other.org' };

    expect(decide(version, { create }, '@alice:other.org')).toEqual(refused('unfederatable'));
    expect(decide(version, { create })).toEqual(ALLOWED);
  });

  it('treats malformed content as empty', () => {
    const create = createEvent(version);
    const powerLevels = withMalformedContent(powerLevelsEvent({}), 50);
    const joined = memberEvent(ALICE, 'join');
    const invitee = withMalformedContent(memberEvent(BOB, 'ban'), ['ban']);

    expect(decideInvite([create, powerLevels, joined, invitee], ALICE, BOB)).toEqual(ALLOWED);
    expect(decideInvite([create, withMalformedContent(joined, 'join')], ALICE, BOB)).toEqual(
      refused('roomUnknownOrInviterNotJoined'),
    );
  });

  it('ignores other state keys and other types', () => {
    const others = [
      stateEvent('m.room.create', 'x', { room_version: 'unknown' }),
      stateEvent('m.room.power_levels', ALICE, { invite: 100 }),
      stateEvent('org.example.member', BOB, { membership: 'ban' }),
      memberEvent('@carol:example.org', 'ban'),
    ];

    expect(decideInvite([...others, createEvent(version), memberEvent(ALICE, 'join')], ALICE, BOB)).toEqual(
      ALLOWED,
    );
  });
});

describe.each(VERSIONS)('an invite by address in version %s', (version) => {
  const byAddress = (content: JsonObject, inviter: JsonValue = 'join', create: JsonObject = {}) =>
    decideInvite(
      [createEvent(version, create), powerLevelsEvent(content), memberEvent(ALICE, inviter)],
      ALICE,
      undefined,
    );

  it('requires the invite level, and no other', () => {
    const levels = { invite: 50, state_default: 100, events: { 'm.room.third_party_invite': 100 } };

    expect(byAddress({ ...levels, users: { [ALICE]: 50 } })).toEqual(ALLOWED);
    expect(byAddress({ ...levels, users: { [ALICE]: 49 } })).toEqual(refused('insufficientPower'));
    expect(byAddress({ state_default: 100 })).toEqual(ALLOWED);
    expect(byAddress({ invite: {} })).toEqual(refused('powerLevelUnreadable'));
  });

  it.each([null, 'invite', 'leave', 'ban', 'knock'])(
    'is refused for an inviter whose membership is %j',
    (inviter) => {
      expect(byAddress({ users: { [ALICE]: 100 } }, inviter)).toEqual(
        refused('roomUnknownOrInviterNotJoined'),
      );
    },
  );

  it('is refused in a room of an unknown version, and by other servers in a room that is not federated', () => {
    const other = '@alice:other.org';
    const events = [createEvent(version, { 'm.federate': false }), memberEvent(other, 'join')];

    expect(byAddress({}, 'join', { room_version: '13' })).toEqual(refused('roomVersionUnknown'));
    expect(decideInvite(events, other, undefined)).toEqual(refused('unfederatable'));
    expect(byAddress({}, 'join', { 'm.federate': false })).toEqual(ALLOWED);
  });

  it('does not depend on the membership of anybody else', () => {
    const events = [
      createEvent(version),
      memberEvent(ALICE, 'join'),
      memberEvent('undefined', 'ban'),
      memberEvent('', 'join'),
    ];

    expect(decideInvite(events, ALICE, undefined)).toEqual(ALLOWED);
  });
});

describe('the differences between room versions', () => {
  const strings = { powerLevels: { invite: '+050', users: { [ALICE]: ' 50 ' } } };
  const floats = { powerLevels: { invite: 50.9, users: { [ALICE]: 50.1 } } };
  const belowTheInviteLevel = { powerLevels: { invite: 100, users: { [ALICE]: 99 } } };

  it.each(versions(1, 9))('strings are levels in version %s', (version) => {
    expect(decide(version, strings)).toEqual(ALLOWED);
  });

  it.each(versions(10, 12))('strings are not levels in version %s', (version) => {
    expect(decide(version, strings)).toEqual(refused('powerLevelUnreadable'));
  });

  it.each(versions(1, 5))('floats are truncated in version %s', (version) => {
    expect(decide(version, floats)).toEqual(ALLOWED);
  });

  it.each(versions(6, 12))('floats are not levels in version %s', (version) => {
    expect(decide(version, floats)).toEqual(refused('powerLevelUnreadable'));
  });

  it.each(versions(1, 9))('strings beyond 2^53 are compared exactly in version %s', (version) => {
    const powerOf = (level: string) => ({
      powerLevels: { invite: '9007199254740993', users: { [ALICE]: level } },
    });

    expect(decide(version, powerOf('9007199254740992'))).toEqual(refused('insufficientPower'));
    expect(decide(version, powerOf('9007199254740993'))).toEqual(ALLOWED);
  });

  it.each(versions(1, 11))('a creator needs the invite level in version %s', (version) => {
    expect(decide(version, { powerLevels: { invite: 1 } }, CREATOR)).toEqual(refused('insufficientPower'));
    expect(decide(version, { ...belowTheInviteLevel, create: { additional_creators: [ALICE] } })).toEqual(
      refused('insufficientPower'),
    );
  });

  it('creators need no level in version 12, not even a readable one', () => {
    for (const invite of [100, Number.MAX_SAFE_INTEGER, 'unreadable', null]) {
      const powerLevels = { invite, users: { [ALICE]: -1 } };

      expect(decide('12', { powerLevels }, CREATOR)).toEqual(ALLOWED);
      expect(decide('12', { powerLevels, create: { additional_creators: [ALICE] } })).toEqual(ALLOWED);
      expect(
        decideInvite(
          [createEvent('12'), powerLevelsEvent(powerLevels), memberEvent(CREATOR, 'join')],
          CREATOR,
          undefined,
        ),
      ).toEqual(ALLOWED);
    }
    expect(decide('12', belowTheInviteLevel)).toEqual(refused('insufficientPower'));
  });

  it('creators in version 12 are subject to every rule except power', () => {
    expect(decide('12', { inviter: 'leave' }, CREATOR)).toEqual(refused('roomUnknownOrInviterNotJoined'));
    expect(decide('12', { invitee: 'ban' }, CREATOR)).toEqual(refused('inviteeBanned'));
    expect(
      decide(
        '12',
        { create: { 'm.federate': false, additional_creators: ['@a:other.org'] } },
        '@a:other.org',
      ),
    ).toEqual(refused('unfederatable'));
  });
});

describe('the order of the checks', () => {
  const outsider = '@alice:other.org';
  const everythingWrong: { fault: string; event: StrippedStateEvent; fixed: StrippedStateEvent }[] = [
    {
      fault: 'roomUnknownOrInviterNotJoined',
      event: memberEvent(outsider, 'leave'),
      fixed: memberEvent(outsider, 'join'),
    },
    {
      fault: 'roomVersionUnknown',
      event: createEvent('13', { 'm.federate': false }),
      fixed: createEvent('11', { 'm.federate': false }),
    },
    {
      fault: 'unfederatable',
      event: createEvent('11', { 'm.federate': false }),
      fixed: createEvent('11'),
    },
    { fault: 'inviteeBanned', event: memberEvent(BOB, 'ban'), fixed: memberEvent(BOB, 'invite') },
    { fault: 'insufficientPower', event: powerLevelsEvent({ invite: 1 }), fixed: powerLevelsEvent({}) },
  ];

  it('reports the first fault, then the next one once that is fixed', () => {
    const room = new Map<string, StrippedStateEvent>();
    for (const { event } of [...everythingWrong].reverse()) room.set(keyOf(event), event);

    for (const { fault, event, fixed } of everythingWrong) {
      expect(decideInvite([...room.values()], outsider, BOB)).toEqual({ decision: 'refused', reason: fault });
      room.set(keyOf(event), fixed);
    }
    expect(decideInvite([...room.values()], outsider, BOB).decision).toBe('alreadyInvited');
  });

  it('reports a missing create event before everything else', () => {
    expect(decideInvite([], ALICE, BOB)).toEqual({ decision: 'createEventMissing' });
    expect(decideInvite([memberEvent(ALICE, 'join')], ALICE, BOB)).toEqual({
      decision: 'createEventMissing',
    });
  });

  it('reports an outsider’s membership before an unknown version', () => {
    expect(decideInvite([createEvent('13')], ALICE, BOB)).toEqual(refused('roomUnknownOrInviterNotJoined'));
  });

  it('reports a joined invitee before missing power', () => {
    expect(decide('11', { invitee: 'join', powerLevels: { invite: 'unreadable' } })).toEqual(
      refused('inviteeJoined'),
    );
  });

  it.each([
    ['an outsider', {}, ['inviter']],
    ['an unknown version', { inviter: 'join', version: '13' }, ['inviter', 'create']],
    ['a banned invitee', { inviter: 'join', invitee: 'ban' }, ['inviter', 'create', 'invitee']],
    ['an allowed invite', { inviter: 'join' }, ['inviter', 'create', 'invitee', 'power levels']],
  ])('reads only the contents that decide: %s', (_case, room, expected) => {
    const { inviter = 'leave', invitee = 'leave', version = '11' }: Partial<Record<string, string>> = room;
    const read = new Set<string>();
    const watched = (name: string, { content, ...event }: StrippedStateEvent): StrippedStateEvent => ({
      ...event,
      get content() {
        read.add(name);
        return content;
      },
    });
    const events = [
      watched('create', createEvent(version)),
      watched('power levels', powerLevelsEvent({})),
      watched('inviter', memberEvent(ALICE, inviter)),
      watched('invitee', memberEvent(BOB, invitee)),
    ];
    decideInvite(events, ALICE, BOB);
    expect([...read]).toEqual(expected);
  });
});
