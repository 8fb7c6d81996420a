import { type HttpAntispamOptions, httpAntispam } from 'express-matrix-invite/policies/http-antispam';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, invitesOf, ROOM } from '../../http/support.ts';
import { put } from '../../invite/support.ts';
import { appWithService, inviteThrough, responds, serviceThat } from './http-antispam-support.ts';
import { sendInvite } from './support.ts';

const ALLOWED = { status: 200, body: {} };
const REQUEST = { inviter: ALICE, invitee: BOB, room_id: ROOM };

describe('the request of httpAntispam', () => {
  it('contains the inviter, the invitee and the room, as in synapse-http-antispam', async () => {
    const { service } = await inviteThrough(responds(200, {}), { accessToken: 'secret-token' });
    expect(service.requests).toEqual([
      {
        method: 'POST',
        path: '/api/1/spam_check/user_may_invite',
        headers: expect.objectContaining({
          host: `127.0.0.1:${service.port}`,
          accept: 'application/json',
          'content-type': 'application/json',
          authorization: 'Bearer secret-token',
        }),
        body: REQUEST,
      },
    ]);
  });

  it('has no authorization without a token', async () => {
    const { service } = await inviteThrough(responds(200, {}));
    expect(service.requests).toHaveLength(1);
    expect(service.requests[0]?.headers).not.toHaveProperty('authorization');
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
    const service = await serviceThat(responds(200, {}));
    await sendInvite(await appWithService({ baseUrl: `http://127.0.0.1:${service.port}${base}` }));
    expect(service.requests).toMatchObject([{ path }]);
  });

  it('contains the reason only if configured', async () => {
    const service = await serviceThat(responds(200, {}));
    const reason = 'Come in, \u0000 it is 😀';
    await sendInvite(await appWithService(service), { reason });
    await sendInvite(await appWithService(service, { sendReason: false }), { reason });
    await sendInvite(await appWithService(service, { sendReason: true }), { reason });
    await sendInvite(await appWithService(service, { sendReason: true }));
    expect(service.requests.map(({ body }) => body)).toEqual([
      REQUEST,
      REQUEST,
      { ...REQUEST, reason },
      REQUEST,
    ]);
  });

  it('reuses one connection as long as it is open', async () => {
    const bodies = ['{}', '', '{"errcode":"M_FORBIDDEN"}', 'x'.repeat(40_000), '{}'];
    const service = await serviceThat((response) => {
      const body = bodies[service.requests.length - 1] ?? '';
      responds(body.includes('errcode') ? 403 : 200, body)(response);
    });
    const host = await appWithService(service);
    const statuses: number[] = [];
    for (const [number] of bodies.entries()) {
      statuses.push((await sendInvite(host, { user_id: `@user${number}:example.org` })).status);
    }
    expect(statuses).toEqual([200, 200, 403, 403, 200]);
    expect([service.requests.length, service.connections()]).toEqual([5, 1]);
  });
});

describe('httpAntispam allows an invite', () => {
  it.each([
    ['200 with {}', responds(200, {})],
    ['200 with any other object', responds(200, { errcode: 'M_FORBIDDEN', error: 'No' })],
    ['202', responds(202, { queued: true })],
    ['204 without a body', responds(204, '')],
    ['200 without a body', responds(200, '')],
    ['a response of 64 KiB', responds(200, `{}${' '.repeat(65_534)}`)],
  ])('for %s', async (_case, reaction) => {
    const { response, invited, host } = await inviteThrough(reaction);
    expect([response, invited]).toEqual([ALLOWED, 1]);
    expect(host.faults()).toEqual([]);
  });
});

describe('httpAntispam refuses an invite', () => {
  const refusal = { errcode: 'M_FORBIDDEN', error: "You're not allowed to send invites" };

  it.each([400, 402, 403, 409, 410, 418, 422, 451, 499])('for %s, as 403', async (status) => {
    const { response, invited, host } = await inviteThrough(
      responds(status, { ...refusal, more: 'not passed on' }),
    );
    expect([response, invited]).toEqual([{ status: 403, body: refusal }, 0]);
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
  ])("with the service's errcode if it is valid: %j as %s", async (errcode, expected) => {
    const { response } = await inviteThrough(responds(403, { errcode, error: 'No' }));
    expect(response).toEqual({ status: 403, body: { errcode: expected, error: 'No' } });
  });

  it.each<[string, unknown, string]>([
    ['a message', 'No “spam”, please 😀', 'No “spam”, please 😀'],
    ['a message of 500 characters', '😀'.repeat(500), '😀'.repeat(500)],
    ['the start of a longer message', `${'😀'.repeat(501)}`, '😀'.repeat(500)],
    ['a message of several lines', '\u0000\u001b[31mNo\r\n\tspam\u0085\n', '[31mNo spam'],
    ['an ill-formed message', 'No \ud83d spam', 'No \ufffd spam'],
    ['no message', undefined, 'The invite was refused'],
    ['an empty message', '', 'The invite was refused'],
    ['a blank message', ' \n\t ', 'The invite was refused'],
    ['a message that is not a string', { text: 'No' }, 'The invite was refused'],
  ])("with the service's message, clean and short: %s", async (_case, error, expected) => {
    const { response } = await inviteThrough(responds(403, { errcode: 'M_FORBIDDEN', error }));
    expect(response).toEqual({ status: 403, body: { errcode: 'M_FORBIDDEN', error: expected } });
  });

  it('with the configured status, errcode and message', async () => {
    const reaction = responds(400, { errcode: 'M_X', error: 'Listed at !secret:example.org' });
    expect((await inviteThrough(reaction, { message: 'Not here' })).response).toEqual({
      status: 403,
      body: { errcode: 'M_X', error: 'Not here' },
    });
    expect((await inviteThrough(reaction, { status: 451, errcode: 'M_Y', message: '' })).response).toEqual({
      status: 451,
      body: { errcode: 'M_Y', error: '' },
    });
  });

  it('asks again if the room has changed in the meantime, and applies the later decision', async () => {
    let change = async () => {};
    const service = await serviceThat((response) => {
      const reaction = service.requests.length === 1 ? responds(200, {}) : responds(403, refusal);
      void change().then(() => reaction(response));
    });
    const host = await appWithService(service);
    change = async () => {
      change = async () => {};
      await put(host.store, 'm.room.power_levels', '', { users: { [ALICE]: 100 } });
    };
    expect(await sendInvite(host)).toEqual({ status: 403, body: refusal });
    expect(service.requests).toHaveLength(2);
    expect(await invitesOf(host.store, BOB)).toBe(0);
  });
});

describe('the options of httpAntispam', () => {
  const baseUrl = 'https://antispam.example.org';
  const withPassword = 'http://user:hunter2@antispam.example.org/hunter2';

  it.each<[string, object]>([
    ['option "baseUrl" is required', {}],
    ['option "baseUrl" must be', { baseUrl: '' }],
    ['option "baseUrl" must be', { baseUrl: 'antispam.example.org/hunter2' }],
    ['option "baseUrl" must be', { baseUrl: 'ftp://antispam.example.org/hunter2' }],
    ['option "baseUrl" must be', { baseUrl: withPassword }],
    ['option "baseUrl" must be', { baseUrl: 'https://hunter2@antispam.example.org' }],
    ['option "baseUrl" must be', { baseUrl: `${baseUrl}?token=hunter2` }],
    ['option "baseUrl" must be', { baseUrl: `${baseUrl}#hunter2` }],
    ['option "baseUrl" must be', { baseUrl: new URL(baseUrl) }],
    ['option "baseUrl" must be an https: URL, unless', { baseUrl: 'http://antispam.example.org/hunter2' }],
    [
      'option "baseUrl" must be an https: URL, unless',
      { baseUrl: 'http://10.0.0.1', allowInsecureHttp: false },
    ],
    ['option "baseUrl" must be an https: URL, unless', { baseUrl: 'http://localhost.example.org' }],
    ['option "baseUrl" must be an https: URL, unless', { baseUrl: 'http://127.example.org' }],
    ['option "baseUrl" must be an https: URL, unless', { baseUrl: 'http://[::2]' }],
    ['option "allowInsecureHttp" must be a boolean', { baseUrl, allowInsecureHttp: 'yes' }],
    ['option "accessToken" must be', { baseUrl, accessToken: '' }],
    ['option "accessToken" must be', { baseUrl, accessToken: 'hunter2\r\nX-Admin: 1' }],
    ['option "accessToken" must be', { baseUrl, accessToken: 'hunter2 ' }],
    ['option "accessToken" must be', { baseUrl, accessToken: 'hunter2é' }],
    ['option "timeoutMs" must be', { baseUrl, timeoutMs: 0 }],
    ['option "onFailure" must be "refuse" or "allow"', { baseUrl, onFailure: 'open' }],
    ['option "onError" must be a function', { baseUrl, onError: {} }],
    ['option "onError" is required if "onFailure" is "allow"', { baseUrl, onFailure: 'allow' }],
    ['option "sendReason" must be a boolean', { baseUrl, sendReason: 1 }],
    ['option "status" must be', { baseUrl, status: 302 }],
    ['option "errcode" must be', { baseUrl, errcode: '' }],
    ['option "message" must be', { baseUrl, message: null }],
    [
      'unknown option "url"; allowed: baseUrl, allowInsecureHttp, accessToken, timeoutMs, onFailure, onError, sendReason, sendAddresses, ' +
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
    { baseUrl: 'http://antispam.example.org', allowInsecureHttp: true },
    { baseUrl, accessToken: 'a!~/+=', timeoutMs: 1, onFailure: 'allow' as const, onError: () => {} },
  ])('accept %j', (options) => {
    expect(httpAntispam(options).name).toBe('httpAntispam');
  });
});
