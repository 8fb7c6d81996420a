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
  misshapen,
  powerLevelsEvent,
  stateEvent,
  VERSIONS,
  versions,
} from './support.ts';

type Room = {
  create?: JsonObject;
  powerLevels?: JsonObject;
  /** Default: joined. `null` is no membership event. */
  inviter?: JsonValue;
  invitee?: JsonValue;
};

/** Alice, who is joined, invites Bob, unless the room says otherwise. */
function decide(version: string, room: Room = {}, inviter = ALICE, invitee = BOB) {
  const { create, powerLevels, inviter: inviterIs = 'join', invitee: inviteeIs = null } = room;
  const events = [createEvent(version, create)];
  if (powerLevels !== undefined) events.push(powerLevelsEvent(powerLevels));
  if (inviterIs !== null) events.push(memberEvent(inviter, inviterIs));
  if (inviteeIs !== null && inviter !== invitee) events.push(memberEvent(invitee, inviteeIs));
  return decideInvite(events, inviter, invitee);
}

const ALLOWED = { decision: 'allowed' };
const refused = (reason: InviteRefusalReason) => ({ decision: 'refused', reason });

describe('the keys of an invite', () => {
  it('are create, power levels and both memberships', () => {
    expect(inviteStateKeys(ALICE, BOB)).toEqual([
      { type: 'm.room.create', state_key: '' },
      { type: 'm.room.power_levels', state_key: '' },
      { type: 'm.room.member', state_key: ALICE },
      { type: 'm.room.member', state_key: BOB },
    ]);
  });

  it('have one membership where somebody invites themselves', () => {
    expect(inviteStateKeys(ALICE, ALICE)).toEqual([
      { type: 'm.room.create', state_key: '' },
      { type: 'm.room.power_levels', state_key: '' },
      { type: 'm.room.member', state_key: ALICE },
    ]);
  });

  it('are the caller’s to change', () => {
    inviteStateKeys(ALICE, BOB).length = 0;
    for (const key of inviteStateKeys(ALICE, BOB)) Object.assign(key, { type: 'x' });

    expect(inviteStateKeys(ALICE, BOB)[0]).toEqual({ type: 'm.room.create', state_key: '' });
  });
});

describe.each(VERSIONS)('an invite in version %s', (version) => {
  it('is allowed to anybody who is joined, while nothing else is said', () => {
    expect(decide(version)).toEqual(ALLOWED);
    expect(decide(version, { powerLevels: {} })).toEqual(ALLOWED);
    expect(decide(version, { powerLevels: { users_default: 0, state_default: 100 } })).toEqual(ALLOWED);
  });

  it.each([null, 'invite', 'leave', 'ban', 'knock', 'Join', '', 1, ['join'], { join: true }])(
    'is refused to an inviter whose membership is %j',
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

  it('of a user who is invited already shows that invite', () => {
    expect(decide(version, { invitee: 'invite' })).toEqual({
      decision: 'alreadyInvited',
      invite: memberEvent(BOB, 'invite'),
    });
  });

  it('takes the invite level', () => {
    const powerOf = (level: JsonValue) => ({ powerLevels: { invite: 50, users: { [ALICE]: level } } });

    expect(decide(version, powerOf(49))).toEqual(refused('insufficientPower'));
    expect(decide(version, powerOf(50))).toEqual(ALLOWED);
    expect(decide(version, powerOf(51))).toEqual(ALLOWED);
  });

  it('takes it also where the invitee is invited already', () => {
    const powerLevels = { invite: 50 };

    expect(decide(version, { invitee: 'invite', powerLevels })).toEqual(refused('insufficientPower'));
  });

  it('takes the default level of users who are not listed', () => {
    const listed = { users: { [BOB]: 100 }, invite: 50 };

    expect(decide(version, { powerLevels: { ...listed, users_default: 49 } })).toEqual(
      refused('insufficientPower'),
    );
    expect(decide(version, { powerLevels: { ...listed, users_default: 50 } })).toEqual(ALLOWED);
  });

  it('is refused below zero, where the invite level is not named', () => {
    expect(decide(version, { powerLevels: { users: { [ALICE]: -1 } } })).toEqual(
      refused('insufficientPower'),
    );
  });

  it.each<JsonObject>([{ invite: null }, { users: { [ALICE]: [] } }, { users_default: {} }, { users: 5 }])(
    'is refused where a level that decides is unreadable: %j',
    (powerLevels) => {
      expect(decide(version, { powerLevels })).toEqual(refused('powerLevelUnreadable'));
    },
  );

  it('does not mind an unreadable level that does not decide', () => {
    const powerLevels = {
      kick: 'x',
      ban: null,
      events: 1,
      users: { [ALICE]: 1, [BOB]: null },
      users_default: [],
    };

    expect(decide(version, { powerLevels })).toEqual(ALLOWED);
  });

  it('is refused to other servers where the room is not federated', () => {
    const create = { 'm.federate': false };

    expect(decide(version, { create }, '@alice:other.org', BOB)).toEqual(refused('unfederatable'));
    expect(decide(version, { create }, '@alice:example.org:8448', BOB)).toEqual(refused('unfederatable'));
    expect(decide(version, { create }, '@alice:EXAMPLE.org', BOB)).toEqual(refused('unfederatable'));
    expect(decide(version, { create }, ALICE, '@bob:other.org')).toEqual(ALLOWED);
  });

  it.each([true, null, 'false', 0, {}])('is open to other servers where `m.federate` is %j', (federate) => {
    expect(decide(version, { create: { 'm.federate': federate } }, '@alice:other.org')).toEqual(ALLOWED);
  });

  it('goes by the create event’s sender, not by `creator`, for the server of a room', () => {
    const create = { 'm.federate': false, creator: '@creator:other.org' };

    expect(decide(version, { create }, '@alice:other.org')).toEqual(refused('unfederatable'));
    expect(decide(version, { create })).toEqual(ALLOWED);
  });

  it('takes misshapen content for none', () => {
    const create = createEvent(version);
    const powerLevels = misshapen(powerLevelsEvent({}), 50);
    const joined = memberEvent(ALICE, 'join');
    const invitee = misshapen(memberEvent(BOB, 'ban'), ['ban']);

    expect(decideInvite([create, powerLevels, joined, invitee], ALICE, BOB)).toEqual(ALLOWED);
    expect(decideInvite([create, misshapen(joined, 'join')], ALICE, BOB)).toEqual(
      refused('roomUnknownOrInviterNotJoined'),
    );
  });

  it('takes no notice of other state keys and other types', () => {
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

describe('what versions differ in', () => {
  const strings = { powerLevels: { invite: '+050', users: { [ALICE]: ' 50 ' } } };
  const floats = { powerLevels: { invite: 50.9, users: { [ALICE]: 50.1 } } };
  const belowTheInviteLevel = { powerLevels: { invite: 100, users: { [ALICE]: 99 } } };

  it.each(versions(1, 9))('strings are levels in version %s', (version) => {
    expect(decide(version, strings)).toEqual(ALLOWED);
  });

  it.each(versions(10, 12))('strings are no levels in version %s', (version) => {
    expect(decide(version, strings)).toEqual(refused('powerLevelUnreadable'));
  });

  it.each(versions(1, 5))('floats are truncated in version %s', (version) => {
    expect(decide(version, floats)).toEqual(ALLOWED);
  });

  it.each(versions(6, 12))('floats are no levels in version %s', (version) => {
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
    }
    expect(decide('12', belowTheInviteLevel)).toEqual(refused('insufficientPower'));
  });

  it('creators of version 12 are held to everything but power', () => {
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
  const everythingWrong: { fault: string; event: StrippedStateEvent; mended: StrippedStateEvent }[] = [
    {
      fault: 'roomUnknownOrInviterNotJoined',
      event: memberEvent(outsider, 'leave'),
      mended: memberEvent(outsider, 'join'),
    },
    {
      fault: 'roomVersionUnknown',
      event: createEvent('13', { 'm.federate': false }),
      mended: createEvent('11', { 'm.federate': false }),
    },
    {
      fault: 'unfederatable',
      event: createEvent('11', { 'm.federate': false }),
      mended: createEvent('11'),
    },
    { fault: 'inviteeBanned', event: memberEvent(BOB, 'ban'), mended: memberEvent(BOB, 'invite') },
    { fault: 'insufficientPower', event: powerLevelsEvent({ invite: 1 }), mended: powerLevelsEvent({}) },
  ];

  it('names the first fault, then the next one once that is mended', () => {
    const room = new Map<string, StrippedStateEvent>();
    for (const { event } of [...everythingWrong].reverse()) room.set(keyOf(event), event);

    for (const { fault, event, mended } of everythingWrong) {
      expect(decideInvite([...room.values()], outsider, BOB)).toEqual({ decision: 'refused', reason: fault });
      room.set(keyOf(event), mended);
    }
    expect(decideInvite([...room.values()], outsider, BOB).decision).toBe('alreadyInvited');
  });

  it('says first of all that the create event is missing', () => {
    expect(decideInvite([], ALICE, BOB)).toEqual({ decision: 'createEventMissing' });
    expect(decideInvite([memberEvent(ALICE, 'join')], ALICE, BOB)).toEqual({
      decision: 'createEventMissing',
    });
  });

  it('names an outsider’s own membership where the version is unknown as well', () => {
    expect(decideInvite([createEvent('13')], ALICE, BOB)).toEqual(refused('roomUnknownOrInviterNotJoined'));
  });

  it('names a joined invitee before power', () => {
    expect(decide('11', { invitee: 'join', powerLevels: { invite: 'unreadable' } })).toEqual(
      refused('inviteeJoined'),
    );
  });
});
