import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBase64, encodeUrlSafeBase64 } from '../../src/pdu/base64.ts';
import { keysThatSigned } from '../../src/pdu/signatures.ts';
import type { JsonObject, JsonValue, StrippedStateEvent } from '../../src/rooms/event.ts';
import {
  decideThirdPartyInvite,
  type ThirdPartyInviteRefusalReason,
  thirdPartyInviteStateKeys,
  thirdPartyKeysOf,
} from '../../src/rooms/third-party-invite-rule.ts';
import { keyPairOf } from '../pdu/support.ts';
import { signJson } from '../support/signed-json.ts';
import {
  ALICE,
  BOB,
  CREATOR,
  createEvent,
  memberEvent,
  powerLevelsEvent,
  stateEvent,
  VERSIONS,
  withMalformedContent,
} from './support.ts';

const TOKEN = 'abc.123=_-';
const CAROL = '@carol:example.org';
const server = keyPairOf(Buffer.alloc(32, 1));
const serverKey = encodeBase64(server.publicKey);
const stranger = keyPairOf(Buffer.alloc(32, 2));
const strangerKey = encodeBase64(stranger.publicKey);

/** Returns `signed` as the identity server makes it. */
function signedBy({ privateKey }: typeof server, content: JsonObject = {}): JsonObject {
  return signJson({ mxid: BOB, token: TOKEN, ...content }, 'id.example.org', 'ed25519:0', privateKey);
}

function tokenEvent(content: JsonObject, token = TOKEN): StrippedStateEvent {
  return { ...stateEvent('m.room.third_party_invite', token, content), sender: ALICE };
}

type Room = {
  create?: JsonObject;
  /** Default: one with the identity server's key. `null` means none. */
  tokenEvent?: StrippedStateEvent | null;
  /** The events besides create and the one with the token. */
  others?: StrippedStateEvent[];
};

const OWN_KEY = {
  display_name: 'b…@e…',
  public_key: serverKey,
  key_validity_url: 'https://id.example.org/v',
};

/** Decides an invite of Bob, by default by Alice, who sent the token and is not in the room. */
function decide(
  version: string,
  room: Room = {},
  signed: JsonValue | undefined = signedBy(server),
  by = ALICE,
) {
  const { create, tokenEvent: token = tokenEvent(OWN_KEY), others = [] } = room;
  const events = [createEvent(version, create), ...(token === null ? [] : [token]), ...others];
  return decideThirdPartyInvite(events, by, BOB, signed, keysThatSigned);
}

const refused = (reason: ThirdPartyInviteRefusalReason) => ({ decision: 'refused', reason });
const allowedBy = (...keys: JsonObject[]) => ({
  decision: 'allowed',
  keys,
  thirdPartyInvite: expect.anything(),
});
const ALLOWED = allowedBy({ public_key: serverKey, key_validity_url: 'https://id.example.org/v' });

describe('the state keys of an invite by token', () => {
  it('are create, the membership of the invitee and the event with the token', () => {
    expect(thirdPartyInviteStateKeys(BOB, TOKEN)).toEqual([
      { type: 'm.room.create', state_key: '' },
      { type: 'm.room.member', state_key: BOB },
      { type: 'm.room.third_party_invite', state_key: TOKEN },
    ]);
  });
});

describe.each(VERSIONS)('an invite by token in version %s', (version) => {
  it('is allowed with a signature of the event’s key, and returns both', () => {
    expect(decide(version)).toEqual({ ...ALLOWED, thirdPartyInvite: tokenEvent(OWN_KEY) });
  });

  it.each([null, 'leave', 'ban', 'invite', 'knock'])(
    'does not depend on the membership and the power of its sender: %j',
    (membership) => {
      const levels = powerLevelsEvent({ invite: 50, state_default: 100, users: { [ALICE]: -1 } });
      const others = membership === null ? [levels] : [levels, memberEvent(ALICE, membership)];

      expect(decide(version, { others })).toEqual(ALLOWED);
    },
  );

  it.each([null, 'leave', 'knock', 'Ban', 5])(
    'is allowed for a user whose membership is %j',
    (membership) => {
      const others = membership === null ? [] : [memberEvent(BOB, membership)];

      expect(decide(version, { others })).toEqual(ALLOWED);
    },
  );

  it('is refused for a banned user', () => {
    expect(decide(version, { others: [memberEvent(BOB, 'ban')] })).toEqual(refused('inviteeBanned'));
  });

  it.each(['join', 'invite'])('changes nothing for a user whose membership is %j', (membership) => {
    const member = memberEvent(BOB, membership);

    expect(decide(version, { others: [member] })).toEqual({ decision: 'alreadyMember', member });
  });

  it('is refused without a valid signature, even for a member', () => {
    const others = [memberEvent(BOB, 'join')];

    expect(decide(version, { others }, signedBy(stranger))).toEqual(refused('signatureInvalid'));
  });

  it.each<[string, JsonValue | undefined]>([
    ['missing', undefined],
    ['null', null],
    ['a string', 'x'],
    ['a list', [signedBy(server)]],
    ['without a token', { mxid: BOB }],
    ['without an mxid', { token: TOKEN }],
    ['with a token that is no string', signedBy(server, { token: 1 })],
    ['with an mxid that is no string', signedBy(server, { mxid: [BOB] })],
  ])('is refused if `signed` is %s', (_case, signed) => {
    expect(decideThirdPartyInvite([createEvent(version)], ALICE, BOB, signed, keysThatSigned)).toEqual(
      refused('signedMalformed'),
    );
  });

  it('is refused for another user than the signed one', () => {
    expect(decide(version, {}, signedBy(server, { mxid: CAROL }))).toEqual(refused('signedForAnother'));
    expect(decide(version, {}, { ...signedBy(server, { mxid: CAROL }), mxid: BOB })).toEqual(
      refused('signatureInvalid'),
    );
  });

  it('is refused without the event with the token', () => {
    expect(decide(version, { tokenEvent: null })).toEqual(refused('tokenUnknown'));
    expect(decide(version, { tokenEvent: tokenEvent(OWN_KEY, 'other') })).toEqual(refused('tokenUnknown'));
    expect(decide(version, {}, { ...signedBy(server, { token: 'other' }), token: TOKEN })).toEqual(
      refused('signatureInvalid'),
    );
  });

  it('is refused for another sender than that of the event', () => {
    expect(decide(version, {}, signedBy(server), CREATOR)).toEqual(refused('tokenOfAnother'));
  });

  it.each<JsonValue>([
    {},
    [],
    null,
    { display_name: 'b…@e…', public_keys: [] },
    { public_key: 1, public_keys: serverKey },
    { public_keys: [serverKey, null, {}, { public_key: [serverKey] }] },
    { public_key: serverKey, key_validity_url: null },
  ])('is refused if the event has no key: %j', (content) => {
    expect(decide(version, { tokenEvent: withMalformedContent(tokenEvent({}), content) })).toEqual(
      refused('tokenRevoked'),
    );
  });

  it('is allowed with any of the event’s keys, in either alphabet', () => {
    const urlSafe = encodeUrlSafeBase64(server.publicKey);
    for (const public_key of [serverKey, urlSafe]) {
      const content: JsonObject = {
        public_key: strangerKey,
        public_keys: [{ public_key: '*' }, null, { public_key: strangerKey }, { public_key }],
      };

      expect(decide(version, { tokenEvent: tokenEvent(content) })).toEqual(allowedBy({ public_key }));
    }
  });

  it('is allowed by all keys that signed, each with its URL', () => {
    const signed = signJson(signedBy(server), 'other', 'ed25519:x', stranger.privateKey);
    const content: JsonObject = {
      ...OWN_KEY,
      public_keys: [
        { public_key: serverKey, key_validity_url: OWN_KEY.key_validity_url },
        { public_key: serverKey },
        { public_key: strangerKey, key_validity_url: 'https://other.example.org/v' },
      ],
    };

    expect(decide(version, { tokenEvent: tokenEvent(content) }, signed)).toEqual(
      allowedBy(
        { public_key: serverKey, key_validity_url: OWN_KEY.key_validity_url },
        { public_key: serverKey },
        { public_key: strangerKey, key_validity_url: 'https://other.example.org/v' },
      ),
    );
  });

  it('is allowed with fields in `signed` that are signed too, and refused if they changed', () => {
    const signed = signedBy(server, { sender: ALICE, extra: { a: [1] } });

    expect(decide(version, {}, signed)).toEqual(ALLOWED);
    expect(decide(version, {}, { ...signed, unsigned: { a: 0.5 } })).toEqual(ALLOWED);
    expect(decide(version, {}, { ...signed, extra: { a: [2] } })).toEqual(refused('signatureInvalid'));
  });

  it('is refused for senders of other servers if the room is not federated', () => {
    const sender = '@alice:other.org';
    const event = { ...tokenEvent(OWN_KEY), sender };
    const create = { 'm.federate': false };

    expect(decide(version, { create, tokenEvent: event }, signedBy(server), sender)).toEqual(
      refused('unfederatable'),
    );
    expect(decide(version, { tokenEvent: event }, signedBy(server), sender)).toEqual(ALLOWED);
  });

  it('ignores other state keys and other types', () => {
    const others = [
      stateEvent('m.room.create', 'x', { room_version: 'unknown' }),
      stateEvent('org.example.member', BOB, { membership: 'ban' }),
      { ...tokenEvent({}), type: 'org.example.third_party_invite' },
      memberEvent(CAROL, 'ban'),
    ];

    expect(decide(version, { others })).toEqual(ALLOWED);
  });
});

describe('the order of the checks', () => {
  it('is that of the specification', () => {
    const faults: [ThirdPartyInviteRefusalReason, () => void][] = [
      ['roomVersionUnknown', () => (create = createEvent('11', { 'm.federate': false }))],
      ['unfederatable', () => (create = createEvent('11'))],
      ['inviteeBanned', () => (member = memberEvent(BOB, 'leave'))],
      ['signedMalformed', () => (signed = signedBy(stranger, { mxid: CAROL, token: 'other' }))],
      ['signedForAnother', () => (signed = signedBy(stranger, { token: 'other' }))],
      ['tokenUnknown', () => (signed = signedBy(stranger))],
      ['tokenOfAnother', () => (token = { ...token, sender })],
      ['tokenRevoked', () => (token = { ...token, content: OWN_KEY })],
      ['signatureInvalid', () => (signed = signedBy(server))],
    ];
    const sender = '@alice:other.org';
    let create = createEvent('13', { 'm.federate': false });
    let member = memberEvent(BOB, 'ban');
    let token = tokenEvent({});
    let signed: JsonObject = {};
    const decision = () =>
      decideThirdPartyInvite([create, member, token], sender, BOB, signed, keysThatSigned);

    for (const [reason, fix] of faults) {
      expect(decision()).toEqual(refused(reason));
      fix();
    }
    expect(decision()).toEqual(ALLOWED);
  });

  it('starts with the create event', () => {
    expect(decideThirdPartyInvite([], ALICE, BOB, undefined, keysThatSigned)).toEqual({
      decision: 'createEventMissing',
    });
  });
});

describe('any room and any `signed`, even malformed ones', () => {
  const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as JsonValue);
  const orJson = (value: JsonValue) => fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, json);
  const signed = fc.oneof(
    { weight: 3, arbitrary: fc.constant<JsonValue>(signedBy(server)) },
    fc
      .record({ mxid: orJson(BOB), token: orJson(TOKEN), signatures: json })
      .map((value) => value as JsonValue),
    json,
  );

  it('lead to a decision, and are allowed only with a signature', () => {
    const membership = fc.constantFrom<JsonValue>('join', 'invite', 'leave', 'ban', 'knock', null);
    fc.assert(
      fc.property(
        orJson({ room_version: '12' }),
        fc.oneof(membership, json),
        orJson(OWN_KEY),
        signed,
        (create, member, token, value) => {
          const events = [
            withMalformedContent(createEvent('12'), create),
            memberEvent(BOB, member),
            withMalformedContent(tokenEvent({}), token),
          ];
          const before = structuredClone([events, value]);
          const result = decideThirdPartyInvite(events, ALICE, BOB, value, keysThatSigned);

          expect([events, value]).toEqual(before);
          if (result.decision === 'allowed') {
            expect(value).toEqual(signedBy(server));
            expect(result.keys.map(({ public_key }) => public_key)).toContain(serverKey);
            expect(['join', 'invite', 'ban']).not.toContain(member);
          } else {
            expect(['alreadyMember', 'refused']).toContain(result.decision);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('the keys of an event', () => {
  it('are those of both places, each once', () => {
    const content: JsonObject = {
      public_key: 'a',
      key_validity_url: 'https://x',
      public_keys: [
        { public_key: 'a', key_validity_url: 'https://x' },
        { public_key: 'a', key_validity_url: 'https://y' },
        { key_validity_url: 'https://z', public_key: 'b' },
        { public_key: 'b', key_validity_url: 'https://z', more: 1 },
        { public_key: 'b' },
      ],
    };

    expect(thirdPartyKeysOf(tokenEvent(content))).toEqual([
      { public_key: 'a', key_validity_url: 'https://x' },
      { public_key: 'a', key_validity_url: 'https://y' },
      { public_key: 'b', key_validity_url: 'https://z' },
      { public_key: 'b' },
    ]);
  });
});
