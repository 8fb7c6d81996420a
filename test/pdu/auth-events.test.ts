import { describe, expect, it } from 'vitest';
import { type AuthorizedEvent, authEventKeys, inviteStateKeys } from '../../src/pdu/index.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { VERSIONS, versions } from '../rooms/support.ts';

const CREATE = 'm.room.create ';
const POWER = 'm.room.power_levels ';
const RULES = 'm.room.join_rules ';
const ALICE = 'm.room.member @alice:a';
const BOB = 'm.room.member @bob:b';
const CAROL = 'm.room.member @carol:a';

describe.each(VERSIONS)('the auth events in room version %s', (version) => {
  const always = [...(version === '12' ? [] : [CREATE]), POWER, ALICE];
  const keysOf = (event: Partial<AuthorizedEvent>) =>
    authEventKeys({ type: 'm.room.message', sender: '@alice:a', content: {}, ...event }, version).map(
      ({ type, state_key }) => `${type} ${state_key}`,
    );
  const memberKeys = (content: JsonObject, state_key = '@bob:b') =>
    keysOf({ type: 'm.room.member', state_key, content });

  it('are none for the create event', () => {
    expect(keysOf({ type: 'm.room.create', state_key: '' })).toEqual([]);
  });

  it('are the create event before version 12, the power levels and the sender', () => {
    expect(keysOf({})).toEqual(always);
    expect(keysOf({ type: 'm.room.name', state_key: '' })).toEqual(always);
    expect(keysOf({ type: 'm.room.member' })).toEqual(always);
  });

  it('are, for a member, also the target, and the join rules unless they leave', () => {
    expect(memberKeys({ membership: 'invite' })).toEqual([...always, BOB, RULES]);
    expect(memberKeys({ membership: 'ban' })).toEqual([...always, BOB]);
    expect(memberKeys({ membership: 'leave' })).toEqual([...always, BOB]);
    expect(memberKeys({ membership: 'join' }, '@alice:a')).toEqual([...always, RULES]);
    expect(memberKeys({ membership: 'knock' }, '@alice:a')).toEqual([...always, RULES]);
  });

  it('are, for an invite from a token, also the event of the token', () => {
    const third_party_invite = { signed: { token: 'abc' } };
    expect(memberKeys({ membership: 'invite', third_party_invite })).toEqual([
      ...[...always, BOB, RULES],
      'm.room.third_party_invite abc',
    ]);
    expect(memberKeys({ membership: 'leave', third_party_invite })).toEqual([...always, BOB]);
    for (const wrong of [1, { signed: 1 }, { signed: { token: 1 } }]) {
      expect(memberKeys({ membership: 'invite', third_party_invite: wrong })).toEqual([
        ...always,
        BOB,
        RULES,
      ]);
    }
  });

  it('are, for a restricted join from version 8 on, also the user who authorized it', () => {
    const content = { membership: 'join', join_authorised_via_users_server: '@carol:a' };
    const carol = versions(8, 12).includes(version) ? [CAROL] : [];
    expect(memberKeys(content, '@alice:a')).toEqual([...always, RULES, ...carol]);
    expect(memberKeys({ ...content, membership: 'invite' })).toEqual([...always, BOB, RULES]);
    expect(memberKeys({ ...content, join_authorised_via_users_server: '@alice:a' }, '@alice:a')).toEqual([
      ...always,
      RULES,
    ]);
  });
});

it('the state that an invite carries names the room and its inviter', () => {
  expect(inviteStateKeys('@alice:a').map(({ type, state_key }) => `${type} ${state_key}`)).toEqual([
    ...[CREATE, RULES],
    ...['canonical_alias', 'avatar', 'topic', 'name', 'encryption'].map((name) => `m.room.${name} `),
    ALICE,
  ]);
});
