import { type HttpAntispamOptions, httpAntispam } from 'express-matrix-invite/policies/http-antispam';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, invitesOf, ROOM } from '../../http/support.ts';
import { put } from '../../invite/support.ts';
import { answers, appAsking, inviteBy, serviceThat } from './http-antispam-support.ts';
import { ask } from './support.ts';

const ALLOWED = { status: 200, body: {} };
const QUESTION = { inviter: ALICE, invitee: BOB, room_id: ROOM };

describe('what httpAntispam asks', () => {
  it('is who invites whom to which room, by the protocol of synapse-http-antispam', async () => {
    const { service } = await inviteBy(answers(200, {}), { accessToken: 'secret-token' });
    expect(service.asked).toEqual([
      {
        method: 'POST',
        path: '/api/1/spam_check/user_may_invite',
        headers: expect.objectContaining({
          host: `127.0.0.1:${service.port}`,
          accept: 'application/json',
          'content-type': 'application/json',
          authorization: 'Bearer secret-token',
        }),
        body: QUESTION,
      },
    ]);
  });

  it('bears no authorization without a token', async () => {
    const { service } = await inviteBy(answers(200, {}));
    expect(service.asked).toHaveLength(1);
    expect(service.asked[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each([
    ['', '/user_may_invite'],
    ['/', '/user_may_invite'],
    ['/a/b//', '/a/b/user_may_invite'],
    [
      '/_meowlnir/antispam/!moderators:example.org',
      '/_meowlnir/antispam/!moderators:example.org/user_may_invite',
    ],
    ['/a%2Fb', '/a%2Fb/user_may_invite'],
  ])('goes to the base URL %j', async (base, path) => {
    const service = await serviceThat(answers(200, {}));
    await ask(await appAsking({ baseUrl: `http://127.0.0.1:${service.port}${base}` }));
    expect(service.asked).toMatchObject([{ path }]);
  });

  it('has the reason only where the host says so', async () => {
    const service = await serviceThat(answers(200, {}));
    const reason = 'Come in, \u0000 it is 😀';
    await ask(await appAsking(service), { reason });
    await ask(await appAsking(service, { sendReason: false }), { reason });
    await ask(await appAsking(service, { sendReason: true }), { reason });
    await ask(await appAsking(service, { sendReason: true }));
    expect(service.asked.map(({ body }) => body)).toEqual([
      QUESTION,
      QUESTION,
      { ...QUESTION, reason },
      QUESTION,
    ]);
  });

  it('goes over one connection as long as it stays', async () => {
    const bodies = ['{}', '', '{"errcode":"M_FORBIDDEN"}', 'x'.repeat(40_000), '{}'];
    const service = await serviceThat((response) => {
      const body = bodies[service.asked.length - 1] ?? '';
      answers(body.includes('errcode') ? 403 : 200, body)(response);
    });
    const host = await appAsking(service);
    const statuses: number[] = [];
    for (const [number] of bodies.entries()) {
      statuses.push((await ask(host, { user_id: `@user${number}:example.org` })).status);
    }
    expect(statuses).toEqual([200, 200, 403, 403, 200]);
    expect([service.asked.length, service.connections()]).toEqual([5, 1]);
  });
});

describe('httpAntispam lets an invite pass', () => {
  it.each([
    ['200 with {}', answers(200, {})],
    ['200 with whatever is in the object', answers(200, { errcode: 'M_FORBIDDEN', error: 'No' })],
    ['202', answers(202, { queued: true })],
    ['204 without a body', answers(204, '')],
    ['200 without a body', answers(200, '')],
    ['an answer of 64 KiB', answers(200, `{}${' '.repeat(65_534)}`)],
  ])('for %s', async (_case, reaction) => {
    const { answer, invited, host } = await inviteBy(reaction);
    expect([answer, invited]).toEqual([ALLOWED, 1]);
    expect(host.faults()).toEqual([]);
  });
});

describe('httpAntispam refuses an invite', () => {
  const refusal = { errcode: 'M_FORBIDDEN', error: "You're not allowed to send invites" };

  it.each([400, 402, 403, 409, 410, 418, 422, 451, 499])('for %s, as 403', async (status) => {
    const { answer, invited, host } = await inviteBy(answers(status, { ...refusal, more: 'not passed on' }));
    expect([answer, invited]).toEqual([{ status: 403, body: refusal }, 0]);
    expect(host.outcomes).toMatchObject([{ policy: 'httpAntispam', status: 403 }]);
    expect(host.faults()).toEqual([]);
  });

  it.each([
    ['M_INVITE_BLOCKED', 'M_INVITE_BLOCKED'],
    ['ORG.EXAMPLE.SPAM_2', 'ORG.EXAMPLE.SPAM_2'],
    ['M_'.padEnd(100, 'X'), 'M_'.padEnd(100, 'X')],
    ['M_'.padEnd(101, 'X'), 'M_FORBIDDEN'],
    ['m_forbidden', 'M_FORBIDDEN'],
    ['M FORBIDDEN', 'M_FORBIDDEN'],
    ['M_X\n', 'M_FORBIDDEN'],
    ['', 'M_FORBIDDEN'],
    [undefined, 'M_FORBIDDEN'],
    [null, 'M_FORBIDDEN'],
    [['M_X'], 'M_FORBIDDEN'],
  ])("with the service's errcode where it looks like one: %j as %s", async (errcode, expected) => {
    const { answer } = await inviteBy(answers(403, { errcode, error: 'No' }));
    expect(answer).toEqual({ status: 403, body: { errcode: expected, error: 'No' } });
  });

  it.each<[string, unknown, string]>([
    ['a text', 'No “spam”, please 😀', 'No “spam”, please 😀'],
    ['a text of 500 characters', '😀'.repeat(500), '😀'.repeat(500)],
    ['the start of a longer one', `${'😀'.repeat(501)}`, '😀'.repeat(500)],
    ['a text of several lines', '\u0000\u001b[31mNo\r\n\tspam\u0085\n', '[31mNo spam'],
    ['an ill-formed text', 'No \ud83d spam', 'No \ufffd spam'],
    ['no text', undefined, 'The invite was refused'],
    ['an empty text', '', 'The invite was refused'],
    ['a blank text', ' \n\t ', 'The invite was refused'],
    ['no string', { text: 'No' }, 'The invite was refused'],
  ])("with the service's text, clean and short: %s", async (_case, error, expected) => {
    const { answer } = await inviteBy(answers(403, { errcode: 'M_FORBIDDEN', error }));
    expect(answer).toEqual({ status: 403, body: { errcode: 'M_FORBIDDEN', error: expected } });
  });

  it("with the host's own status, errcode and text", async () => {
    const reaction = answers(400, { errcode: 'M_X', error: 'Listed at !secret:example.org' });
    expect((await inviteBy(reaction, { message: 'Not here' })).answer).toEqual({
      status: 403,
      body: { errcode: 'M_X', error: 'Not here' },
    });
    expect((await inviteBy(reaction, { status: 451, errcode: 'M_Y', message: '' })).answer).toEqual({
      status: 451,
      body: { errcode: 'M_Y', error: '' },
    });
  });

  it('asks again when the room has changed meanwhile, and goes by the later answer', async () => {
    let change = async () => {};
    const service = await serviceThat((response) => {
      const reaction = service.asked.length === 1 ? answers(200, {}) : answers(403, refusal);
      void change().then(() => reaction(response));
    });
    const host = await appAsking(service);
    change = async () => {
      change = async () => {};
      await put(host.store, 'm.room.power_levels', '', { users: { [ALICE]: 100 } });
    };
    expect(await ask(host)).toEqual({ status: 403, body: refusal });
    expect(service.asked).toHaveLength(2);
    expect(await invitesOf(host.store, BOB)).toBe(0);
  });
});

describe('the options of httpAntispam', () => {
  const baseUrl = 'https://antispam.example.org';
  const secretly = 'http://user:hunter2@antispam.example.org/hunter2';

  it.each<[string, object]>([
    ['option "baseUrl" is required', {}],
    ['option "baseUrl" must be', { baseUrl: '' }],
    ['option "baseUrl" must be', { baseUrl: 'antispam.example.org/hunter2' }],
    ['option "baseUrl" must be', { baseUrl: 'ftp://antispam.example.org/hunter2' }],
    ['option "baseUrl" must be', { baseUrl: secretly }],
    ['option "baseUrl" must be', { baseUrl: 'https://hunter2@antispam.example.org' }],
    ['option "baseUrl" must be', { baseUrl: `${baseUrl}?token=hunter2` }],
    ['option "baseUrl" must be', { baseUrl: `${baseUrl}#hunter2` }],
    ['option "baseUrl" must be', { baseUrl: new URL(baseUrl) }],
    ['option "baseUrl" must be https:, unless', { baseUrl: 'http://antispam.example.org/hunter2' }],
    ['option "baseUrl" must be https:, unless', { baseUrl: 'http://10.0.0.1', allowHttp: false }],
    ['option "baseUrl" must be https:, unless', { baseUrl: 'http://localhost.example.org' }],
    ['option "baseUrl" must be https:, unless', { baseUrl: 'http://127.example.org' }],
    ['option "baseUrl" must be https:, unless', { baseUrl: 'http://[::2]' }],
    ['option "allowHttp" must be a boolean', { baseUrl, allowHttp: 'yes' }],
    ['option "accessToken" must be', { baseUrl, accessToken: '' }],
    ['option "accessToken" must be', { baseUrl, accessToken: 'hunter2\r\nX-Admin: 1' }],
    ['option "accessToken" must be', { baseUrl, accessToken: 'hunter2 ' }],
    ['option "accessToken" must be', { baseUrl, accessToken: 'hunter2é' }],
    ['option "timeoutMs" must be', { baseUrl, timeoutMs: 0 }],
    ['option "onFailure" must be "refuse" or "allow"', { baseUrl, onFailure: 'open' }],
    ['option "onError" must be a function', { baseUrl, onError: {} }],
    ['option "onError" is required where "onFailure" is "allow"', { baseUrl, onFailure: 'allow' }],
    ['option "sendReason" must be a boolean', { baseUrl, sendReason: 1 }],
    ['option "status" must be', { baseUrl, status: 302 }],
    ['option "errcode" must be', { baseUrl, errcode: '' }],
    ['option "message" must be', { baseUrl, message: null }],
    [
      'unknown option "url"; allowed: baseUrl, allowHttp, accessToken, timeoutMs, onFailure, onError, sendReason, ' +
        'status, errcode, message',
      { url: baseUrl },
    ],
  ])('%s', (message, options) => {
    const make = () => httpAntispam(options as HttpAntispamOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(`httpAntispam: ${message}`);
    expect(make).not.toThrow('hunter2');
  });

  it.each([
    { baseUrl },
    { baseUrl: 'http://localhost:8080/api' },
    { baseUrl: 'http://127.3.2.1' },
    { baseUrl: 'http://[::1]:1' },
    { baseUrl: 'http://antispam.example.org', allowHttp: true },
    { baseUrl, accessToken: 'a!~/+=', timeoutMs: 1, onFailure: 'allow' as const, onError: () => {} },
  ])('take %j', (options) => {
    expect(httpAntispam(options).name).toBe('httpAntispam');
  });
});
