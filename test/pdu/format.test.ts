import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildPdu, ExactNumber, isPdu, type PduParts, pduFault } from '../../src/pdu/index.ts';
import type { JsonObject, JsonValue } from '../../src/rooms/event.ts';
import { VERSIONS, versions } from '../rooms/support.ts';
import { context, domain } from './signer.ts';

const HASH_ID = `$${'a'.repeat(43)}`;
const PAIR: JsonValue = ['$e:domain', { sha256: 'x' }];

const referenceIn = (version: string): JsonValue => (versions(1, 2).includes(version) ? PAIR : HASH_ID);

/** A well-formed event. */
function eventIn(version: string): JsonObject {
  return {
    type: 'm.room.member',
    state_key: '@b:domain',
    sender: '@a:domain',
    room_id: version === '12' ? `!${'a'.repeat(43)}` : '!r:domain',
    origin_server_ts: 1,
    content: { membership: 'invite' },
    auth_events: [referenceIn(version)],
    prev_events: [referenceIn(version)],
    depth: 2,
    hashes: { sha256: 'x' },
    signatures: { domain: { 'ed25519:1': 'x' } },
    ...(versions(1, 2).includes(version) ? { event_id: '$e:domain' } : {}),
  };
}

describe.each(VERSIONS)('the format of an event in room version %s', (version) => {
  const event = eventIn(version);
  const reasonOf = (changes: JsonObject) => pduFault({ ...event, ...changes }, version)?.reason;
  const without = (key: string) => {
    const { [key]: _removed, ...others } = event;
    return pduFault(others, version)?.reason;
  };

  it('has all keys that are required, and may have others', () => {
    expect(pduFault(event, version)).toBeUndefined();
    expect(isPdu(event, version)).toBe(true);
    expect(reasonOf({ unsigned: { age: 1 }, 'org.example.key': 1, origin: 'domain' })).toBeUndefined();
    expect(without('state_key')).toBeUndefined();
    for (const key of Object.keys(event)) {
      if (key !== 'state_key') expect([key, without(key)]).toEqual([key, 'malformed']);
    }
  });

  it.each<[string, JsonObject]>([
    ['a type', { type: 1 }],
    ['a state key', { state_key: null }],
    ['a sender', { sender: 'a' }],
    ['a room ID', { room_id: 'r' }],
    ['the room ID of another version', { room_id: version === '12' ? '!r:domain' : '!r' }],
    ['a time', { origin_server_ts: '1' }],
    ['a time of half a millisecond', { origin_server_ts: 1.5 }],
    ['a content', { content: [] }],
    ['a depth', { depth: '1' }],
    ['a negative depth', { depth: -1 }],
    ['a depth beyond all limits', { depth: 2 ** 64 }],
    ['hashes', { hashes: { sha512: 'x' } }],
    ['signatures', { signatures: [] }],
    ['the signatures of a server', { signatures: { domain: 'x' } }],
    ['a signature', { signatures: { domain: { 'ed25519:1': 1 } } }],
    ['unsigned', { unsigned: 1 }],
    ['auth events', { auth_events: {} }],
    ['an auth event', { auth_events: [1] }],
    ['a reference of another version', { prev_events: [versions(1, 2).includes(version) ? HASH_ID : PAIR] }],
    ['a prev event', { prev_events: [''] }],
    ['11 auth events', { auth_events: new Array(11).fill(referenceIn(version)) }],
    ['21 prev events', { prev_events: new Array(21).fill(referenceIn(version)) }],
  ])('does not allow %s of the wrong form', (_case, changes) => {
    expect(reasonOf(changes)).toBe('malformed');
  });

  it('allows 10 auth events and 20 prev events', () => {
    const changes = {
      auth_events: new Array<JsonValue>(10).fill(referenceIn(version)),
      prev_events: new Array<JsonValue>(20).fill(referenceIn(version)),
    };
    expect(reasonOf(changes)).toBeUndefined();
  });

  it('allows IDs of 255 bytes', () => {
    const fill = (start: string, end: string, bytes: number) =>
      `${start}${'é'.repeat(200)}`.slice(
        0,
        start.length + Math.floor((bytes - start.length - end.length) / 2),
      ) + end;
    const longest = (start: string, end = '') => {
      const text = fill(start, end, 255);
      return text + (Buffer.byteLength(text) < 255 && end === '' ? 'x' : '');
    };
    expect(reasonOf({ type: longest('x') })).toBeUndefined();
    expect(reasonOf({ state_key: longest('') })).toBeUndefined();
    expect(reasonOf({ type: `${longest('x')}x` })).toBe('tooLarge');
    expect(reasonOf({ state_key: 'é'.repeat(128) })).toBe('tooLarge');
    expect(reasonOf({ sender: `@${'a'.repeat(247)}:domain` })).toBeUndefined();
    expect(reasonOf({ sender: `@${'a'.repeat(248)}:domain` })).toBe('tooLarge');
    expect(reasonOf({ room_id: `!${'a'.repeat(255)}` })).toBe('tooLarge');
  });

  it('allows 65,536 bytes, signatures and unsigned included', () => {
    const size = Buffer.byteLength(JSON.stringify({ ...event, unsigned: { a: '' } }));
    expect(reasonOf({ unsigned: { a: 'x'.repeat(65_536 - size) } })).toBeUndefined();
    expect(reasonOf({ unsigned: { a: 'x'.repeat(65_537 - size) } })).toBe('tooLarge');
  });

  it('allows floats, −0 and large integers before version 6 alone', () => {
    const isStrict = !versions(1, 5).includes(version);
    for (const number of [1.5, -0, 2 ** 53, ...['1.0', '1e2', '9007199254740993'].map(exact)]) {
      expect(reasonOf({ content: { number } })).toBe(isStrict ? 'malformed' : undefined);
    }
    for (const depth of [2 ** 53, exact('9223372036854775807')]) {
      expect(reasonOf({ depth })).toBe(isStrict ? 'malformed' : undefined);
    }
    for (const content of [exact('1.0'), { text: '\uD800' }, { number: Number.NaN }]) {
      expect(reasonOf({ content })).toBe('malformed');
    }
    expect(reasonOf({ depth: exact('1.0') })).toBe('malformed');
  });

  it('has a room ID in every event but the create event of version 12', () => {
    const create: JsonObject = {
      ...event,
      type: 'm.room.create',
      state_key: '',
      prev_events: [],
      auth_events: [],
    };
    const { room_id: _roomId, ...without } = create;
    const isV12 = version === '12';
    expect(pduFault(create, version)?.reason).toBe(isV12 ? 'malformed' : undefined);
    expect(pduFault(without, version)?.reason).toBe(isV12 ? undefined : 'malformed');
    expect(pduFault({ ...without, state_key: 'x' }, version)?.reason).toBe('malformed');
  });

  it('is checked for any JSON without an error, and the message repeats nothing of it', () => {
    const secret = 'SECRET';
    const value = fc.oneof(
      fc.jsonValue() as fc.Arbitrary<JsonValue>,
      fc.constant<JsonValue>({ [secret]: secret }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(event)), value, (key, changed) => {
        expect(pduFault(changed, version)).toBeDefined();
        expect(pduFault({ ...event, [key]: changed }, version)?.message ?? '').not.toContain(secret);
      }),
    );
  });
});

describe('an event to build', () => {
  const parts: PduParts = {
    event: {
      type: 'm.room.member',
      state_key: '@b:other.test',
      sender: '@a:domain',
      room_id: '!r:domain',
      origin_server_ts: 1,
      content: { membership: 'invite' },
    },
    roomVersion: '10',
    prevEvents: [{ eventId: HASH_ID, depth: 1, sha256: 'x' }],
    authEvents: [],
    signer: domain,
  };
  const build = (changes: Partial<PduParts['event']>, roomVersion = '10', others: Partial<PduParts> = {}) =>
    buildPdu({ ...parts, roomVersion, event: { ...parts.event, ...changes }, ...others }, context);
  const fault = (reason: string) => expect.objectContaining({ code: 'ERR_PDU', reason });

  it('must not be larger than 65,536 bytes, with its signature', async () => {
    const { pdu } = await build({ content: { text: '' } });
    const rest = 65_536 - Buffer.byteLength(JSON.stringify(pdu));

    const largest = await build({ content: { text: 'x'.repeat(rest) } });
    expect(Buffer.byteLength(JSON.stringify(largest.pdu))).toBe(65_536);
    expect(pduFault(largest.pdu, '10')).toBeUndefined();
    await expect(build({ content: { text: 'x'.repeat(rest + 1) } })).rejects.toEqual(fault('tooLarge'));
    await expect(build({ type: 'x'.repeat(256) })).rejects.toEqual(fault('tooLarge'));
  });

  it.each(VERSIONS)('must have canonical JSON in room version %s too', async (version) => {
    const changes = version === '12' ? { room_id: `!${'a'.repeat(43)}` } : {};
    await expect(build(changes, version)).resolves.toBeDefined();
    await expect(build({ ...changes, content: { float: 1.5 } }, version)).rejects.toEqual(fault('malformed'));
  });

  it('must be sent by a user of the signer, unless it comes from a token', async () => {
    const sender = '@a:other.test';
    await expect(build({ sender })).rejects.toEqual(fault('malformed'));
    await expect(
      build({ sender, content: { membership: 'invite', third_party_invite: {} } }),
    ).resolves.toBeDefined();
  });

  it('must follow another event unless it creates the room', async () => {
    const create = { type: 'm.room.create', state_key: '' };
    await expect(build({}, '10', { prevEvents: [] })).rejects.toEqual(fault('malformed'));
    await expect(build(create)).rejects.toEqual(fault('malformed'));
    await expect(build(create, '10', { prevEvents: [] })).resolves.toBeDefined();
  });

  it('must know the hashes of the events before it in room versions 1 and 2', async () => {
    const prevEvents = [{ eventId: '$e:domain', depth: 1 }];
    await expect(build({}, '2', { prevEvents })).rejects.toEqual(fault('malformed'));
    await expect(build({}, '3', { prevEvents })).resolves.toBeDefined();
  });

  it('has a depth of at most 2^53−1', async () => {
    const prevEvents = [{ eventId: HASH_ID, depth: Number.MAX_SAFE_INTEGER }];
    expect((await build({}, '10', { prevEvents })).pdu.depth).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('is signed by nobody when it is malformed', async () => {
    let calls = 0;
    const signer = { ...domain, sign: async () => Buffer.alloc(64 + 0 * ++calls) };
    await expect(build({ type: 'x'.repeat(256) }, '10', { signer })).rejects.toEqual(fault('tooLarge'));
    expect(calls).toBe(0);
    await build({}, '10', { signer });
    expect(calls).toBe(1);
  });

  it('is not built with a signature of another size, or in an unknown room version', async () => {
    const signer = { ...domain, sign: async () => Buffer.alloc(63) };
    await expect(build({}, '10', { signer })).rejects.toThrow('a signer must return 64 bytes, not 63');
    await expect(build({}, '13')).rejects.toThrow(RangeError);
  });
});

function exact(text: string): JsonValue {
  return new ExactNumber(text) as unknown as JsonValue;
}
