import { describe, expect, it } from 'vitest';
import {
  buildPdu,
  eventIdOf,
  hasValidContentHash,
  redact,
  referenceTo,
  roomIdOf,
  signJson,
  signPdu,
  verifyJson,
  verifyPdu,
} from '../../src/pdu/index.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { VERSIONS } from '../rooms/support.ts';
import { context, domain, domainKeys } from './signer.ts';

describe('the test vectors of the specification', () => {
  // https://spec.matrix.org/v1.18/appendices/#cryptographic-test-vectors
  it.each<[JsonObject, string]>([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [
      { one: 1, two: 'Two' },
      'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw',
    ],
  ])('have the signature of %j', async (object, signature) => {
    const signed = await signJson(object, domain, context);

    expect(signed).toEqual({ ...object, signatures: { domain: { 'ed25519:1': signature } } });
    expect(verifyJson(signed, 'domain', domainKeys)).toBe('valid');
  });

  it.each<[string, JsonObject, string, string]>([
    [
      'a minimal event',
      {
        room_id: '!x:domain',
        sender: '@a:domain',
        origin: 'domain',
        origin_server_ts: 1000000,
        type: 'X',
        content: {},
        prev_events: [],
        auth_events: [],
        depth: 3,
        unsigned: { age_ts: 1000000 },
      },
      '5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos',
      'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
    ],
    [
      'an event with redactable content',
      {
        content: { body: 'Here is the message content' },
        event_id: '$0:domain',
        origin: 'domain',
        origin_server_ts: 1000000,
        type: 'm.room.message',
        room_id: '!r:domain',
        sender: '@u:domain',
        unsigned: { age_ts: 1000000 },
      },
      'onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g',
      'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
    ],
  ])('have the hash and the signature of %s', async (_case, event, sha256, signature) => {
    const hashed = { ...event, hashes: { sha256 }, signatures: {} };
    const signed = await signPdu(hashed, '1', domain, context);

    expect(hasValidContentHash(hashed, '1')).toBe(true);
    expect(signed).toEqual({ ...hashed, signatures: { domain: { 'ed25519:1': signature } } });
    expect(verifyPdu(signed, '1', 'domain', domainKeys)).toBe('valid');
  });
});

const ALL_KEYS = {
  event_id: '$e:domain',
  type: 'x',
  room_id: '!r:domain',
  sender: '@a:domain',
  state_key: '',
  content: { body: 'x' },
  hashes: { sha256: 'x' },
  signatures: {},
  depth: 1,
  prev_events: [],
  prev_state: [],
  auth_events: [],
  origin: 'domain',
  origin_server_ts: 1,
  membership: 'join',
  redacts: '$x',
  unsigned: { age: 1 },
  'org.example.other': 1,
};

/** Contents with every key that some version keeps, and one more. */
const CONTENTS: Readonly<Record<string, JsonObject>> = {
  'm.room.member': {
    membership: 'invite',
    join_authorised_via_users_server: '@a:b',
    third_party_invite: { display_name: 'x', signed: { mxid: '@b:c' } },
    reason: 'x',
  },
  'm.room.create': { creator: '@a:b', room_version: '1', 'm.federate': true },
  'm.room.join_rules': { join_rule: 'invite', allow: [], x: 1 },
  'm.room.power_levels': {
    ...{
      ban: 1,
      events: {},
      events_default: 1,
      kick: 1,
      redact: 1,
      state_default: 1,
      users: {},
      users_default: 1,
    },
    ...{ invite: 1, notifications: {} },
  },
  'm.room.aliases': { aliases: ['#a:b'], x: 1 },
  'm.room.history_visibility': { history_visibility: 'shared', x: 1 },
  'm.room.redaction': { redacts: '$x', reason: 'x' },
  'm.room.name': { name: 'x' },
};

const keysOf = (object: unknown) => Object.keys(object as object).sort();
const number = (version: string) => Number(version);

describe.each(VERSIONS)('redaction in room version %s', (version) => {
  const since = (first: number) => number(version) >= first;
  const contentOf = (type: string) =>
    redact({ ...ALL_KEYS, type, content: CONTENTS[type] ?? {} }, version).content as JsonObject;

  it('keeps the keys of the event that the version lists', () => {
    const kept = keysOf(redact(ALL_KEYS, version));
    const {
      redacts,
      unsigned,
      'org.example.other': other,
      prev_state,
      origin,
      membership,
      ...always
    } = ALL_KEYS;
    const before11 = since(11) ? {} : { prev_state, origin, membership };
    expect([redacts, unsigned, other]).not.toContain(undefined);
    expect(kept).toEqual(keysOf({ ...always, ...before11 }));
    expect(redact(ALL_KEYS, version).content).toEqual({});
  });

  it('keeps the keys of the content that the version lists', () => {
    expect(contentOf('m.room.member')).toEqual({
      membership: 'invite',
      ...(since(9) ? { join_authorised_via_users_server: '@a:b' } : {}),
      ...(since(11) ? { third_party_invite: { signed: { mxid: '@b:c' } } } : {}),
    });
    expect(contentOf('m.room.create')).toEqual(since(11) ? CONTENTS['m.room.create'] : { creator: '@a:b' });
    expect(keysOf(contentOf('m.room.join_rules'))).toEqual(since(8) ? ['allow', 'join_rule'] : ['join_rule']);
    const { notifications: _notifications, invite, ...levels } = CONTENTS['m.room.power_levels'] ?? {};
    expect(contentOf('m.room.power_levels')).toEqual(since(11) ? { ...levels, invite } : levels);
    expect(contentOf('m.room.aliases')).toEqual(since(6) ? {} : { aliases: ['#a:b'] });
    expect(contentOf('m.room.history_visibility')).toEqual({ history_visibility: 'shared' });
    expect(contentOf('m.room.redaction')).toEqual(since(11) ? { redacts: '$x' } : {});
    expect(contentOf('m.room.name')).toEqual({});
  });

  it('takes a content of the wrong shape, and types that are names of Object.prototype', () => {
    for (const type of ['constructor', '__proto__', 'toString', 'm.room.member', 'm.room.create']) {
      for (const content of [null, 1, 'x', [], {}]) {
        expect(redact({ ...ALL_KEYS, type, content }, version).content).toEqual({});
      }
    }
    expect(redact({ type: 'm.room.member', content: { third_party_invite: 1 } }, version)).toEqual({
      type: 'm.room.member',
      content: {},
    });
  });
});

describe.each(VERSIONS)('an event built for room version %s', (version) => {
  const isV12 = number(version) === 12;
  const hasDomainIds = number(version) <= 2;
  const create = () =>
    buildPdu(
      {
        event: {
          type: 'm.room.create',
          state_key: '',
          sender: '@a:domain',
          origin_server_ts: 1,
          content: { room_version: version },
          ...(isV12 ? {} : { room_id: '!r:domain' }),
        },
        roomVersion: version,
        prevEvents: [],
        authEvents: [],
        signer: domain,
      },
      context,
    );

  it('is signed, hashed, and refers to the events before it', async () => {
    const created = await create();
    const reference = referenceTo(created.pdu, version);
    const { eventId, pdu, roomId } = await buildPdu(
      {
        event: {
          type: 'm.room.member',
          state_key: '@b:other.test',
          sender: '@a:domain',
          origin_server_ts: 2,
          room_id: created.roomId,
          content: { membership: 'invite', reason: 'x' },
        },
        roomVersion: version,
        prevEvents: [reference, { ...reference, depth: 7 }],
        authEvents: [reference],
        signer: domain,
      },
      context,
    );

    expect(pdu).toMatchObject({ depth: 8, room_id: created.roomId, sender: '@a:domain' });
    expect(roomId).toBe(created.roomId);
    const sha256 = expect.stringMatching(/^[A-Za-z0-9+/]{43}$/);
    const expected = hasDomainIds ? [created.eventId, { sha256 }] : created.eventId;
    expect(pdu.auth_events).toEqual([expected]);
    expect(pdu.prev_events).toEqual([expected, expected]);
    expect(pdu).not.toHaveProperty('origin');
    expect(verifyPdu(pdu, version, 'domain', domainKeys)).toBe('valid');
    expect(hasValidContentHash(pdu, version)).toBe(true);
    expect(hasValidContentHash({ ...pdu, content: { membership: 'invite' } }, version)).toBe(false);
    expect(eventIdOf(pdu, version)).toBe(eventId);
    expect('event_id' in pdu).toBe(hasDomainIds);
  });

  it('has an ID in the form of the version', async () => {
    const { eventId, pdu } = await create();
    const forms = [/^\$[A-Za-z0-9_-]{24}:domain$/, /^\$[A-Za-z0-9+/]{43}$/, /^\$[A-Za-z0-9_-]{43}$/];
    const form = hasDomainIds ? 0 : number(version) === 3 ? 1 : 2;

    expect(eventId).toMatch(forms[form] ?? '');
    expect(eventIdOf(redact(pdu, version) as typeof pdu, version)).toBe(eventId);
    expect(eventIdOf({ ...pdu, signatures: {}, unsigned: { age: 1 } } as typeof pdu, version)).toBe(eventId);
  });

  it('belongs to a room whose ID, in version 12, is the hash of the create event', async () => {
    const { eventId, pdu, roomId } = await create();

    expect(roomIdOf(pdu, version)).toBe(roomId);
    expect(roomId).toBe(isV12 ? `!${eventId.slice(1)}` : '!r:domain');
    expect('room_id' in pdu).toBe(!isV12);
  });
});
