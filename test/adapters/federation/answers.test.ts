import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { pduFault, signJson, signPdu } from '../../../src/pdu/index.ts';
import type { JsonObject, JsonValue } from '../../../src/rooms/event.ts';
import { range } from '../../../src/testing/random.ts';
import { refusalOf } from '../../invite/support.ts';
import {
  answerOf,
  type InboxAnswer,
  newSigner,
  type ReceivedInvite,
  type Respond,
} from '../../support/federation-inbox.ts';
import { ALICE, setUp } from './matrix-support.ts';

const context = { signal: new AbortController().signal };

const status = (code: number, errcode?: string, more: JsonObject = {}): Respond => {
  const body: JsonObject = errcode === undefined ? {} : { errcode, error: 'Their text' };
  return () => ({ status: code, body: { ...body, ...more } });
};

/** Answers with a status and no JSON. */
const html =
  (code: number): Respond =>
  () => ({ status: code, body: '<p>No</p>' });

type Row = [title: string, respond: Respond, status: number, errcode: string, roomVersion?: string];

const UNSUPPORTED = 'M_UNSUPPORTED_ROOM_VERSION';

/** What the invitee's server answers, and what the client hears. */
const refusals: Row[] = [
  ['404 M_UNRECOGNIZED in a new room', status(404, 'M_UNRECOGNIZED'), 400, UNSUPPORTED],
  ['404 without JSON in a new room', html(404), 400, UNSUPPORTED],
  ['405 M_UNRECOGNIZED in a new room', status(405, 'M_UNRECOGNIZED'), 400, UNSUPPORTED],
  ['400 without errcode in a new room', status(400), 400, UNSUPPORTED],
  ['400 M_UNRECOGNIZED in a new room', status(400, 'M_UNRECOGNIZED'), 400, UNSUPPORTED],
  ['400 M_INCOMPATIBLE_ROOM_VERSION', status(400, 'M_INCOMPATIBLE_ROOM_VERSION'), 400, UNSUPPORTED],
  ['400 M_UNSUPPORTED_ROOM_VERSION', status(400, UNSUPPORTED), 400, UNSUPPORTED],
  ['the same in room version 1', status(400, 'M_INCOMPATIBLE_ROOM_VERSION'), 400, UNSUPPORTED, '1'],
  ['400 M_MISSING_PARAM', status(400, 'M_MISSING_PARAM'), 502, 'M_UNKNOWN'],
  ['400 M_INVALID_PARAM', status(400, 'M_INVALID_PARAM'), 502, 'M_UNKNOWN'],
  ['400 M_INVALID_PARAM in room version 1', status(400, 'M_INVALID_PARAM'), 502, 'M_UNKNOWN', '1'],
  ['400 M_FORBIDDEN', status(400, 'M_FORBIDDEN'), 502, 'M_UNKNOWN'],
  ['403 M_INVITE_BLOCKED', status(403, 'M_INVITE_BLOCKED'), 403, 'M_INVITE_BLOCKED'],
  ['403 M_FORBIDDEN', status(403, 'M_FORBIDDEN'), 403, 'M_FORBIDDEN'],
  ['403 M_UNKNOWN_TOKEN', status(403, 'M_UNKNOWN_TOKEN'), 403, 'M_FORBIDDEN'],
  ['403 without JSON', html(403), 403, 'M_FORBIDDEN'],
  ['404 M_NOT_FOUND', status(404, 'M_NOT_FOUND'), 403, 'M_FORBIDDEN'],
  ['401', status(401, 'M_UNKNOWN_TOKEN'), 502, 'M_UNKNOWN'],
  ['404 M_UNKNOWN', status(404, 'M_UNKNOWN'), 502, 'M_UNKNOWN'],
  ['413', status(413, 'M_TOO_LARGE'), 502, 'M_UNKNOWN'],
  ['418', html(418), 502, 'M_UNKNOWN'],
  ['a 3xx', () => ({ status: 302, body: '', headers: { Location: 'https://two.test/' } }), 502, 'M_UNKNOWN'],
  ['204', () => ({ status: 204, body: '' }), 502, 'M_UNKNOWN'],
];

describe("a refusal by the invitee's server", () => {
  it.each<Row>(refusals)('%s', async (_title, respond, expectedStatus, errcode, roomVersion) => {
    const { inbox, invite, invites, unfinished, trace, rateLimit } = await setUp({ roomVersion });
    inbox.respond = respond;
    const error = await refusalOf(invite());
    expect(error).toMatchObject({ status: expectedStatus, errcode });
    expect(inbox.received.map(({ api }) => api)).toEqual(['v2']);
    // It has been given up, and it has cost the inviter what an invite costs.
    expect(await invites()).toEqual([]);
    expect(await unfinished()).toEqual([]);
    expect(rateLimit.refunded).toEqual([]);
    expect(trace.remoteStatus).toBeGreaterThan(200);
  });

  it('with a text of its own is passed on with the name of the server', async () => {
    for (const errcode of ['M_FORBIDDEN', 'M_INVITE_BLOCKED']) {
      const { inbox, invite } = await setUp();
      inbox.respond = status(403, errcode);
      expect((await refusalOf(invite())).message).toBe(`${inbox.name}: Their text`);
    }
  });

  it('has no other text of theirs, nor other fields', async () => {
    for (const respond of [status(404, 'M_NOT_FOUND'), status(400, 'M_BAD_JSON'), status(403, 'M_SECRET')]) {
      const { inbox, invite, logger } = await setUp();
      inbox.respond = async (...call) => {
        const answer = await respond(...call);
        if (typeof answer === 'string') return answer;
        return { ...answer, body: { ...(answer.body as JsonObject), soft_logout: true } };
      };
      const error = await refusalOf(invite());
      const shown = [
        JSON.stringify(error),
        inspect(error.cause),
        inspect(logger.lines, { depth: 10 }),
      ].join();
      for (const text of ['Their text', 'soft_logout']) expect(shown).not.toContain(text);
      expect(shown).toMatch(/No usable answer from two\.test:\d+: answer \(status \d+ M_\w+\) after \d+ ms/);
    }
  });

  it('is shown without control characters, and cut', async () => {
    const { inbox, invite } = await setUp();
    inbox.respond = () => {
      const error = `a\u0000\u001b[31m\n\u202e\u2028\ud800${'😀'.repeat(5_000)}`;
      return { status: 403, body: JSON.stringify({ errcode: 'M_FORBIDDEN', error }) };
    };
    const { message } = await refusalOf(invite());
    expect(message).toMatch(/^two\.test:\d+: a\[31m(?:😀)+$/u);
    expect([...message]).toHaveLength(256);
  });

  it.each([
    [undefined, 1_000],
    ['7', 7_000],
    ['999999999', 3_600_000],
    ['soon', 1_000],
  ])('429 with Retry-After %s', async (retryAfter, retryAfterMs) => {
    const { inbox, invite } = await setUp();
    const headers = retryAfter === undefined ? undefined : { 'Retry-After': retryAfter };
    inbox.respond = () => ({
      status: 429,
      body: { errcode: 'M_LIMIT_EXCEEDED', error: 'Slow down' },
      ...(headers && { headers }),
    });
    expect(await refusalOf(invite())).toMatchObject({
      status: 429,
      errcode: 'M_LIMIT_EXCEEDED',
      retryAfterMs,
    });
  });
});

/** Answers with what a function makes of the good answer's event. */
function altered(change: (event: JsonObject, invite: ReceivedInvite) => JsonValue | undefined): Respond {
  return async (invite, accept) => {
    const answer = await accept();
    if (typeof answer === 'string') return answer;
    const { event } = answer.body as { event: JsonObject };
    const changed = change(structuredClone(event), invite);
    return { status: 200, body: changed === undefined ? {} : answerOf(invite, changed as JsonObject) };
  };
}

const raw = (change: (text: string) => string): Respond => {
  return async (_invite, accept) => {
    const answer = await accept();
    return typeof answer === 'string' ? answer : { ...answer, body: change(JSON.stringify(answer.body)) };
  };
};

const body =
  (json: JsonValue | string): Respond =>
  () => ({ status: 200, body: json });

/** Answers whose status is a 200, and which are of no use. */
const nonsense: readonly (readonly [title: string, respond: Respond])[] = [
  ['no JSON', body('Welcome')],
  ['an empty body', body('')],
  ['null', body('null')],
  ['a list', body('[]')],
  ['an object without an event', body({})],
  ['an event that is a list', body({ event: [] })],
  ['an event that is null', body({ event: null })],
  [
    'the answer of the first version',
    async (_invite, accept) => {
      const answer = await accept();
      return typeof answer === 'string' ? answer : { status: 200, body: [200, answer.body] };
    },
  ],
  ['JSON that is too deep', body(`{"event":${'['.repeat(5_000)}${']'.repeat(5_000)}}`)],
  ['an unsigned event', altered((event, invite) => ({ ...event, signatures: invite.event.signatures }))],
  ['no signatures', altered(({ signatures: _, ...event }) => event)],
  ['signatures that are a list', altered((event) => ({ ...event, signatures: [] }))],
  ['another sender', altered((event) => ({ ...event, sender: '@eve:one.test' }))],
  ['another invitee', altered((event) => ({ ...event, state_key: '@eve:two.test' }))],
  ['another reason', altered((event) => ({ ...event, content: { membership: 'invite', reason: 'x' } }))],
  ['a missing field', altered(({ depth: _, ...event }) => event)],
  ['a field more', altered((event) => ({ ...event, origin: 'two.test' }))],
  ['a float', raw((text) => text.replace(/"depth":(\d+)/, '"depth":$1.0'))],
  ['an exponent', raw((text) => text.replace(/"depth":(\d+)/, '"depth":$1e0'))],
  ['an empty event', altered(() => ({}))],
];

describe("a 200 of the invitee's server", () => {
  it.each(nonsense)('with %s is a 502', async (_title, respond) => {
    const { inbox, invite, invites, logger } = await setUp();
    inbox.respond = respond;
    expect(await refusalOf(invite())).toMatchObject({
      status: 502,
      errcode: 'M_UNKNOWN',
      message: 'The other server gave no valid answer',
    });
    expect(await invites()).toEqual([]);
    const lines = logger.lines.filter(({ level }) => level === 'warn');
    expect(lines).toHaveLength(1);
  });

  it('with a signature of another server is a 502', async () => {
    const { inbox, invite, invites } = await setUp();
    inbox.respond = (received) => inbox.accept(received, newSigner('three.test'));
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    expect(await invites()).toEqual([]);
  });

  it('with a signature by a key that the server has not published is a 502', async () => {
    const { inbox, invite, invites } = await setUp();
    for (const keyId of ['ed25519:1', 'ed25519:unknown'] as const) {
      inbox.respond = (received) => inbox.accept(received, newSigner(inbox.name, keyId));
      expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    }
    expect(await invites()).toEqual([]);
  });

  it('with a good and a bad signature is a 502', async () => {
    const { inbox, invite, invites } = await setUp();
    inbox.respond = altered(({ signatures, ...event }) => {
      const all = signatures as Record<string, Record<string, string>>;
      const bad = { ...all[inbox.name], 'ed25519:2': 'A'.repeat(86) };
      return { ...event, signatures: { ...all, [inbox.name]: bad } };
    });
    const second = newSigner(inbox.name, 'ed25519:2');
    const published = inbox.keys;
    inbox.keys = async () => {
      const { signatures: _, ...keys } = await published();
      const verify_keys = { ...(keys.verify_keys as JsonObject), 'ed25519:2': { key: second.publicKey } };
      return signJson({ ...keys, verify_keys }, inbox.signer, { signal: new AbortController().signal });
    };
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    expect(await invites()).toEqual([]);
  });

  it('with a signature by an unknown key beside a good one is taken, without that signature', async () => {
    const { inbox, invite, invites } = await setUp();
    inbox.respond = altered(({ signatures, ...event }) => {
      const all = signatures as Record<string, JsonObject>;
      const more: JsonObject = {
        'ed25519:9': 'A'.repeat(86),
        'ed25519:policy_server': 'A'.repeat(86),
        'rsa:1': 'x',
      };
      const own: JsonObject = { ...all[inbox.name], ...more };
      return { ...event, signatures: { ...all, [inbox.name]: own, 'three.test': { 'ed25519:1': 'x' } } };
    });
    await invite();
    const [event] = await invites();
    expect(Object.keys(event?.signatures ?? {}).sort()).toEqual(['one.test', inbox.name]);
    expect(Object.keys(event?.signatures[inbox.name] ?? {})).toEqual(['ed25519:1']);
  });

  it('with a byte order mark is taken', async () => {
    const { inbox, invite, invites } = await setUp();
    inbox.respond = raw((text) => `\ufeff${text}`);
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(await invites()).toHaveLength(1);
  });

  it('with as many long signatures as are taken does not make the event too large for other servers', async () => {
    const { inbox, service, roomId, dave, invites } = await setUp();
    const signers = range(10).map((index) => newSigner(inbox.name, `ed25519:${'k'.repeat(63)}${index}`));
    inbox.keys = async () => {
      const keys = {
        server_name: inbox.name,
        valid_until_ts: Date.now() + 86_400_000,
        verify_keys: Object.fromEntries(signers.map(({ keyId, publicKey }) => [keyId, { key: publicKey }])),
      };
      return signJson(keys, signers[0] ?? inbox.signer, context);
    };
    inbox.respond = async (received) => {
      let event: JsonObject = received.event;
      for (const signer of signers) event = await signPdu(event, received.roomVersion, signer, context);
      return { status: 200, body: answerOf(received, event) };
    };
    const base = { requester: { userId: ALICE }, roomId, userId: dave };
    const outcomes: string[] = [];
    for (let length = 64_000; !outcomes.includes('invited'); length -= 200) {
      const invited = service.invite({ ...base, reason: 'x'.repeat(length) });
      outcomes.push(await invited.then(({ outcome }) => outcome).catch(({ errcode }) => errcode));
    }
    expect(outcomes[0]).toBe('M_TOO_LARGE');
    const [event] = await invites();
    if (event === undefined) return expect.fail('There is no invite');
    expect(Object.keys(event.signatures[inbox.name] ?? {})).toHaveLength(10);
    expect(pduFault(event, '12')).toBeUndefined();
  });

  it('of more than 256 KiB, or without an end, is a 502', async () => {
    const { inbox, invite, invites } = await setUp();
    const large: InboxAnswer = { status: 200, body: { event: {}, padding: 'x'.repeat(262_144) } };
    for (const answer of [large, 'endless'] as const) {
      inbox.respond = () => answer;
      expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    }
    expect(await invites()).toEqual([]);
  });

  it('is stored with both signatures, and nothing else of the answer', async () => {
    const { inbox, invite, invites, notices, service, dave } = await setUp();
    inbox.respond = altered((event) => ({ ...event, unsigned: { age: 1, 'two.test': 'x' } }));
    const { outcome } = await invite();
    expect(outcome).toBe('invited');
    const [event, ...others] = await invites();
    const [received] = inbox.received;
    expect(others).toEqual([]);
    expect(event).toEqual({
      ...received?.event,
      signatures: { ...received?.event.signatures, [inbox.name]: { 'ed25519:1': expect.any(String) } },
    });
    expect(event).not.toHaveProperty('unsigned');
    await service.close();
    expect(notices).toMatchObject([{ event: { state_key: dave }, eventId: received?.eventId }]);
  });
});

describe('an invite without an answer', () => {
  it('is a 502 if the connection breaks, and the next request sends the same event', async () => {
    const { inbox, invite, invites } = await setUp();
    inbox.respond = () => 'hang-up';
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    expect(await invites()).toEqual([]);
    inbox.respond = (_invite, accept) => accept();
    await invite();
    expect(await invites()).toHaveLength(1);
    expect(new Set(inbox.received.map(({ eventId }) => eventId)).size).toBe(1);
  });

  it.each([500, 502, 503, 504])('a %i is a 502, and the next request sends the same event', async (code) => {
    const { inbox, invite, invites } = await setUp();
    inbox.respond = html(code);
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    inbox.respond = (_invite, accept) => accept();
    await invite();
    expect(await invites()).toHaveLength(1);
    expect([...inbox.invites.keys()]).toEqual([inbox.received[0]?.eventId]);
  });

  it('is a 504 if there is none in time, and is completed by resume', async () => {
    const { inbox, invite, invites, service, dave } = await setUp({ options: { timeoutMs: 4_000 } });
    inbox.respond = () => 'silence';
    expect(await refusalOf(invite())).toMatchObject({ status: 504, errcode: 'M_UNKNOWN' });
    expect(inbox.asked(dave)).toBe(1);
    inbox.respond = (_invite, accept) => accept();
    await expect
      .poll(async () => (await service.resume()).completed, { timeout: 60_000, interval: 100 })
      .toBe(1);
    const [event] = await invites();
    expect(inbox.invites.get(inbox.received[0]?.eventId ?? '')?.event.hashes).toEqual(event?.hashes);
    expect(inbox.invites.size).toBe(1);
  });

  it('is a 502 if the name leads nowhere, and is given up', async () => {
    const { invite, unfinished, inbox } = await setUp();
    for (const server of ['nowhere.example', '127.0.0.3:1']) {
      expect(await refusalOf(invite(`@dave:${server}`))).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    }
    expect(await unfinished()).toEqual([]);
    expect(inbox.targets).toEqual([]);
  });

  it('is a 502 if its keys cannot be had, and the next request sends the same event', async () => {
    const { inbox, invite, invites } = await setUp();
    inbox.keys = async () => ({});
    for (const _ of range(2)) {
      expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    }
    expect(await invites()).toEqual([]);
    expect([inbox.received.length, inbox.invites.size]).toEqual([2, 1]);
  });

  it('is tried three times: then nobody is asked, and no limit counts', async () => {
    const { invite, rateLimit, inbox, dave } = await setUp();
    inbox.respond = () => 'hang-up';
    for (const _ of range(3)) await refusalOf(invite());
    const asked = inbox.asked(dave);
    const consumed = rateLimit.consumed.length;
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    expect(inbox.asked(dave)).toBe(asked);
    expect(rateLimit.consumed).toHaveLength(consumed);
  });
});

describe('the first version of the endpoint', () => {
  const unrecognized: readonly (readonly [string, Respond])[] = [
    ['404 M_UNRECOGNIZED', status(404, 'M_UNRECOGNIZED')],
    ['404 without JSON', html(404)],
    ['405', html(405)],
    ['400 M_UNRECOGNIZED', status(400, 'M_UNRECOGNIZED')],
    ['400 without errcode', html(400)],
  ];
  const onlyV1 =
    (other: Respond): Respond =>
    (invite, accept) =>
      invite.api === 'v1' ? accept() : other(invite, accept);

  it.each(unrecognized)('is used in room versions 1 and 2 after %s', async (_title, respond) => {
    for (const roomVersion of ['1', '2']) {
      const { inbox, invite, invites } = await setUp({ roomVersion });
      inbox.respond = onlyV1(respond);
      await invite();
      const [event] = await invites();
      expect(Object.keys(event?.signatures ?? {}).sort()).toEqual(['one.test', inbox.name]);
      const [second, first] = inbox.received;
      expect([second?.api, first?.api]).toEqual(['v2', 'v1']);
      expect(first?.event).toEqual(second?.event);
      expect(first?.inviteRoomState).toEqual(second?.inviteRoomState);
      expect(event).not.toHaveProperty('unsigned');
    }
  });

  it('has the same refusals', async () => {
    const { inbox, invite } = await setUp({ roomVersion: '1' });
    inbox.respond = (received) => ({
      status: received.api === 'v1' ? 403 : 404,
      body: { errcode: received.api === 'v1' ? 'M_INVITE_BLOCKED' : 'M_UNRECOGNIZED', error: 'No' },
    });
    expect(await refusalOf(invite())).toMatchObject({ status: 403, errcode: 'M_INVITE_BLOCKED' });
  });

  it('is a 502 if the answer is that of the second, and if there is no such endpoint either', async () => {
    const { inbox, invite, invites } = await setUp({ roomVersion: '1' });
    inbox.respond = onlyV1(html(404));
    const { accept } = inbox;
    inbox.respond = async (received) => {
      if (received.api === 'v2') return { status: 404, body: '' };
      return accept.call(inbox, { ...received, api: 'v2' });
    };
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    inbox.respond = html(404);
    expect(await refusalOf(invite())).toMatchObject({ status: 502, errcode: 'M_UNKNOWN' });
    expect(await invites()).toEqual([]);
  });
});
