import { describe, expect, it } from 'vitest';
import { encodeBase64 } from '../../src/pdu/base64.ts';
import {
  buildPdu,
  eventIdOf,
  isWithdrawalOf,
  type Pdu,
  type PduReference,
  referenceTo,
  signingKey,
  signingKeyIds,
  signJson,
  signPdu,
  verifyJson,
  verifyPdu,
} from '../../src/pdu/index.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { VERSIONS } from '../rooms/support.ts';
import { context, domain, domainKeys, other } from './signer.ts';

const second = signingKey('ed25519:2', 'domain', Buffer.alloc(32, 2));
const policy = signingKey('ed25519:policy_server', 'domain', Buffer.alloc(32, 3));
const bothKeys = new Map([...domainKeys, [second.keyId, second.publicKey]]);
const BAD = encodeBase64(Buffer.alloc(64));

const withSignatures = (object: JsonObject, own: JsonObject) => ({
  ...object,
  signatures: { ...(object.signatures as JsonObject), domain: own },
});

describe('the signatures of a server', () => {
  it('must all be good if their keys are known, and at least one must be', async () => {
    const signed = await signJson({ a: 1 }, domain, context);
    const twice = await signJson(signed, second, context);
    const { domain: own } = twice.signatures;

    expect(verifyJson(twice, 'domain', bothKeys)).toBe('valid');
    expect(verifyJson(twice, 'domain', domainKeys)).toBe('valid');
    expect(verifyJson(withSignatures(twice, { ...own, 'ed25519:2': BAD }), 'domain', bothKeys)).toBe(
      'invalid',
    );
    expect(verifyJson(withSignatures(twice, { ...own, 'ed25519:2': BAD }), 'domain', domainKeys)).toBe(
      'valid',
    );
    expect(verifyJson(withSignatures(twice, { ...own, 'ed25519:1': null }), 'domain', bothKeys)).toBe(
      'invalid',
    );
    expect(verifyJson({ ...twice, a: 2 }, 'domain', bothKeys)).toBe('invalid');
  });

  it('are absent without one of a known key', async () => {
    const signed = await signJson(await signJson({ a: 1 }, policy, context), other, context);

    expect(verifyJson(signed, 'domain', domainKeys)).toBe('absent');
    expect(verifyJson(signed, 'third.test', domainKeys)).toBe('absent');
    expect(verifyJson({ a: 1 }, 'domain', domainKeys)).toBe('absent');
    expect(verifyJson(signed, '__proto__', new Map([['constructor', '']]))).toBe('absent');
    for (const signatures of [null, [], 'x', { domain: [] }, { domain: 'x' }]) {
      expect(verifyJson({ a: 1, signatures }, 'domain', domainKeys)).toBe('absent');
    }
  });

  it('of a policy server do not stand in the way', async () => {
    const signed = await signJson(await signJson({ a: 1 }, domain, context), policy, context);

    expect(signingKeyIds(signed, 'domain')).toEqual(['ed25519:1', 'ed25519:policy_server']);
    expect(signingKeyIds(signed, 'other.test')).toEqual([]);
    expect(signed.signatures.domain).toHaveProperty('ed25519:1');
    expect(verifyJson(signed, 'domain', domainKeys)).toBe('valid');
    expect(
      verifyJson(
        withSignatures(signed, { ...signed.signatures.domain, 'ed25519:policy_server': 'x' }),
        'domain',
        domainKeys,
      ),
    ).toBe('valid');
  });

  it('are never good under a malformed key', async () => {
    const signed = await signJson({ a: 1 }, domain, context);
    for (const key of ['', 'x', encodeBase64(Buffer.alloc(31)), encodeBase64(Buffer.alloc(33))]) {
      expect(verifyJson(signed, 'domain', new Map([[domain.keyId, key]]))).toBe('invalid');
    }
  });

  it('are not checked if there are more than 100 by known keys', async () => {
    const signed = await signJson({ a: 1 }, domain, context);
    const signature = signed.signatures.domain?.[domain.keyId] ?? '';
    const named = (count: number) => Array.from({ length: count }, (_, index) => `ed25519:k${index}`);
    const keys = (count: number) => new Map(named(count).map((keyId) => [keyId, domain.publicKey]));
    const object = (count: number) =>
      withSignatures({ a: 1 }, Object.fromEntries(named(count).map((keyId) => [keyId, signature])));

    expect(verifyJson(object(100), 'domain', keys(100))).toBe('valid');
    expect(verifyJson(object(101), 'domain', keys(101))).toBe('invalid');
  });
});

describe.each(VERSIONS)('a withdrawal in room version %s', (version) => {
  const roomId = version === '12' ? `!${'a'.repeat(43)}` : '!r:domain';
  const before: PduReference = { eventId: `$${'a'.repeat(43)}`, depth: 1, sha256: 'x' };
  const member = async (changes: JsonObject, authEvents = [before]) => {
    const event = {
      type: 'm.room.member',
      state_key: '@b:other.test',
      sender: '@a:domain',
      room_id: roomId,
      origin_server_ts: 1,
      content: { membership: 'leave' },
      ...changes,
    };
    const signer = event.sender === '@a:domain' ? domain : other;
    return (
      await buildPdu({ event, roomVersion: version, prevEvents: [before], authEvents, signer }, context)
    ).pdu;
  };
  const invited = () => member({ content: { membership: 'invite' } });
  const believes = (invite: Pdu, pdu: Pdu, keys = domainKeys) => isWithdrawalOf(invite, pdu, version, keys);

  it('is a leave or a ban of the invitee by the inviter, after this invite', async () => {
    const invite = await invited();
    const after = [before, referenceTo(invite, version)];

    expect(believes(invite, await member({}, after))).toBe(true);
    expect(believes(invite, await member({ content: { membership: 'ban' } }, after))).toBe(true);
  });

  it('is nothing else', async () => {
    const invite = await invited();
    const after = [before, referenceTo(invite, version)];
    const leave = await member({}, after);
    const changes: JsonObject[] = [
      { content: { membership: 'join' } },
      { content: {} },
      { type: 'm.room.name' },
      { state_key: '@c:other.test' },
      { sender: '@c:other.test' },
      { room_id: version === '12' ? `!${'b'.repeat(43)}` : '!x:domain' },
    ];

    for (const each of changes) expect(believes(invite, await member(each, after))).toBe(false);
    expect(believes(invite, await member({}))).toBe(false);
    expect(believes(invite, leave, new Map())).toBe(false);
    expect(believes(invite, leave, new Map([[domain.keyId, other.publicKey]]))).toBe(false);
    expect(believes(invite, { ...leave, origin_server_ts: 2 })).toBe(false);
    // The leave after an earlier invite, sent once more.
    const next = await member({ content: { membership: 'invite' }, origin_server_ts: 3 });
    expect(believes(next, leave)).toBe(false);
  });

  it('and the second signature of an invite change no event ID', async () => {
    const invite = await invited();
    const accepted = await signPdu(invite, version, other, context);

    expect(eventIdOf(accepted, version)).toBe(eventIdOf(invite, version));
    expect(verifyPdu(accepted, version, 'domain', domainKeys)).toBe('valid');
    expect(verifyPdu(accepted, version, 'other.test', new Map([[other.keyId, other.publicKey]]))).toBe(
      'valid',
    );
  });
});
