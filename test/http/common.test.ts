import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  AS_ALICE,
  BOB,
  CORS_HEADERS,
  expectDescribed,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  invitePath,
  limits,
  memberOf,
  PREFIX,
  ROOM,
  respondAsHost,
  seedRoom,
  send,
  setUp,
  silent,
} from './support.ts';

const down = () => Promise.reject(new Error('down'));
const failingAuth = { authenticate: down };
const atRoom = (segment: string) => `${PREFIX}/rooms/${segment}/invite`;

describe('the headers that browsers need', () => {
  const cases: [number, Parameters<typeof setUp>[0], Parameters<typeof send>[1]][] = [
    [200, {}, {}],
    [400, {}, { body: 'no JSON' }],
    [400, {}, { path: atRoom('%zz') }],
    [401, {}, { headers: {} }],
    [403, {}, { path: invitePath('!none:example.org') }],
    [405, {}, { method: 'PUT' }],
    [413, { bodyLimitBytes: 10 }, {}],
    [415, {}, { headers: { ...AS_ALICE, 'content-encoding': 'compress' } }],
    [429, { rateLimit: { consume: async () => refused, refund: async () => {} } }, {}],
    [500, { storage: { readState: down, appendEvent: down } }, {}],
    [503, { auth: failingAuth }, {}],
  ];
  const refused = { allowed: false, scope: 'room', retryAfterMs: 1 } as const;

  it.each(cases)('are on a %i', async (status, options, sent) => {
    const { app, store } = setUp({ logger: silent, ...options });
    await seedRoom(store);
    const response = await send(app, sent);
    expect(response.status).toBe(status);
    expectDescribed(response);
    expect(response.headers).toMatchObject(CORS_HEADERS);
  });

  it.each(cases)('are left to the host app with `cors: false`, on a %i', async (status, options, sent) => {
    const { app, store } = setUp({ logger: silent, cors: false, ...options });
    await seedRoom(store);
    const response = await send(app, sent);
    expect(response.status).toBe(status);
    expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(response.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });
});

describe('a preflight', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example.net', 'access-control-request-method': 'POST' },
    body: '',
  };
  const calls: string[] = [];
  const recorded = (name: string) => () => {
    calls.push(name);
    return down();
  };

  it('gets its response before anything else runs', async () => {
    const { app, router } = setUp({
      auth: { authenticate: recorded('auth') },
      session: { authenticate: recorded('session'), allowedOrigins: [] },
      rateLimit: { consume: recorded('consume'), refund: recorded('refund') },
      storage: { readState: recorded('readState'), appendEvent: recorded('appendEvent') },
      onOutcome: recorded('onOutcome'),
    });
    app.use(recorded('host'));
    for (const path of [INVITE_PATH, `${INVITE_PATH}?access_token=a&access_token=b`, atRoom('no-room')]) {
      const response = await send(app, { ...preflight, path });
      expect([response.status, response.text]).toEqual([204, '']);
      expect(response.headers).toMatchObject({ ...CORS_HEADERS, 'cache-control': 'no-store' });
      expect(response.headers).not.toHaveProperty('access-control-allow-credentials');
    }
    await router.close();
    expect((await send(app, preflight)).status).toBe(204);
    expect(calls).toEqual([]);
  });

  it('has no CORS headers with `cors: false`', async () => {
    const response = await send(setUp({ cors: false }).app, preflight);
    expect(response.status).toBe(204);
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('another method', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE'])('is rejected: %s', async (method) => {
    const { app, store } = setUp({ auth: failingAuth });
    respondAsHost(app);
    await seedRoom(store);
    const response = await send(app, { method });
    expectRefusal(response, 405, 'M_UNRECOGNIZED');
    expect(response.headers.allow).toBe('OPTIONS, POST');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('is rejected without a response body: HEAD', async () => {
    const { app } = setUp();
    respondAsHost(app);
    const response = await send(app, { method: 'HEAD' });
    expect([response.status, response.text]).toEqual([405, '']);
    expect(response.headers).toMatchObject({ ...CORS_HEADERS, allow: 'OPTIONS, POST' });
  });
});

describe('a path other than that of an invite is passed on to the host app', () => {
  it.each([
    `${PREFIX}/rooms/${ROOM}/INVITE`,
    `${PREFIX}/ROOMS/${ROOM}/invite`,
    `${PREFIX}/rooms/${ROOM}/invite/`,
    `${PREFIX}/rooms/${ROOM}/invite/x`,
    `${PREFIX}/rooms/${ROOM}/invites`,
    `${PREFIX}/rooms/${ROOM}/state`,
    `${PREFIX}/rooms/${ROOM}/x/invite`,
    `${PREFIX}/rooms/${ROOM}`,
    `${PREFIX}/rooms//invite`,
    `${PREFIX}/rooms/invite`,
    `${PREFIX}/rooms/%zz/state`,
    `${PREFIX}/join/${ROOM}`,
    PREFIX,
    '/',
    `/rooms/${ROOM}/invite`,
    `/_matrix/client/v1/rooms/${ROOM}/invite`,
  ])('%s', async (path) => {
    const { app, store } = setUp({ auth: failingAuth });
    respondAsHost(app);
    await seedRoom(store);
    for (const method of ['POST', 'GET', 'OPTIONS', 'DELETE']) {
      const response = await send(app, { method, path });
      expect([response.status, response.body]).toEqual([418, { host: true }]);
      expect(response.headers).not.toHaveProperty('access-control-allow-origin');
      expect(response.headers).not.toHaveProperty('x-content-type-options');
    }
  });

  it('even if the host app has no route for it: Express’s own 404', async () => {
    expect((await send(setUp().app, { path: `${PREFIX}/rooms/${ROOM}/state` })).status).toBe(404);
  });
});

describe('a room ID in the path', () => {
  it.each([
    ['raw', ROOM, ROOM],
    ['with %21', `%21${ROOM.slice(1)}`, ROOM],
    ['fully encoded', encodeURIComponent(ROOM), ROOM],
    ['with a plus sign, which is not a space', '!a+b:example.org', '!a+b:example.org'],
    ['with an encoded slash', '!a%2Fb:example.org', '!a/b:example.org'],
    ['with an encoded slash in lower case', '!a%2fb:example.org', '!a/b:example.org'],
    ['decoded only once', '!a%2541:example.org', '!a%41:example.org'],
    ['with an encoded question mark', '!a%3Fb:example.org', '!a?b:example.org'],
    ['with characters beyond ASCII', '!%C3%A9%F0%9F%98%80:example.org', '!é😀:example.org'],
    ['of a room without a domain', '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM', undefined],
    ['of 255 bytes', `!${'a'.repeat(242)}:example.org`, undefined],
    [
      'of 255 bytes in fewer characters',
      `!${'%C3%A9'.repeat(121)}:example.org`,
      `!${'é'.repeat(121)}:example.org`,
    ],
    ['with a port', '!a:example.org:8448', undefined],
  ])('is read %s', async (_case, segment, roomId = segment) => {
    const { app, store } = setUp();
    await seedRoom(store, { roomId, version: roomId.includes(':') ? '11' : '12' });
    expectInvited(await send(app, { path: atRoom(segment) }));
    expect(await memberOf(store, BOB, roomId)).toMatchObject({ room_id: roomId });
  });

  it.each([
    ['broken percent-encoding', '%zz'],
    ['a percent sign that encodes nothing', '!a%:example.org'],
    ['a truncated character', '!%C3:example.org'],
    ['a lone surrogate', '%ED%A0%80'],
    ['a lone surrogate after the sigil', '!%ED%A0%80:example.org'],
    ['an overlong encoding', '!%C0%AF:example.org'],
    ['256 bytes', `!${'a'.repeat(243)}:example.org`],
    ['256 bytes in fewer characters', `!${'%C3%A9'.repeat(121)}a:example.org`],
    ['an alias', '%23a:example.org'],
    ['a user ID', BOB],
    ['a room ID that is encoded twice', '%2521room:example.org'],
    ['no sigil', 'room:example.org'],
    ['only a sigil', '!'],
    ['NUL', '!a%00:example.org'],
    ['a broken domain', '!a:exa_mple.org'],
    ['a leading space', '%20!room:example.org'],
    ['.', '%2E'],
  ])('is rejected: %s', async (_case, segment) => {
    const { app } = setUp({ logger: { ...silent, error: (details) => expect.fail(String(details)) } });
    respondAsHost(app);
    expectRefusal(await send(app, { path: atRoom(segment) }), 400, 'M_INVALID_PARAM');
  });

  it('is not validated for a request without a token', async () => {
    expectRefusal(await send(setUp().app, { path: atRoom('x'), headers: {} }), 401, 'M_MISSING_TOKEN');
  });
});

describe('the attempt limit', () => {
  it('is consumed before the body is read, whatever the body is', async () => {
    const { app } = setUp({ rateLimit: limits(1000, 2) });
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      expectRefusal(await send(app, { body: 'no JSON' }), 400, 'M_NOT_JSON');
    }
    const response = await send(app, {
      body: gzipSync('x'),
      headers: { ...AS_ALICE, 'content-encoding': 'y' },
    });
    expectRefusal(response, 429, 'M_LIMIT_EXCEEDED', { retry_after_ms: expect.any(Number) });
    expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(59);
    expectRefusal(await send(app, { headers: {} }), 401, 'M_MISSING_TOKEN');
  });
});
