import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { MatrixError, type SessionAuth } from 'express-matrix-invite';
import { describe, expect, it } from 'vitest';
import {
  ALICE,
  AS_ALICE,
  BOB,
  CAROL,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  memberOf,
  recordingLogger,
  seedRoom,
  send,
  setUp,
  tokens,
} from './support.ts';

const ORIGIN = 'https://chat.example.org';
const COOKIE = { cookie: 'sid=of-alice' };

/** Authenticates by a session cookie. */
const session: SessionAuth = {
  allowedOrigins: ['http://localhost:3000', ORIGIN],
  async authenticate({ headers }: IncomingMessage) {
    return headers.cookie === 'sid=of-alice' ? { requester: { userId: ALICE } } : undefined;
  },
};

describe('a session', () => {
  it.each<[string, OutgoingHttpHeaders]>([
    ['without an Origin, as outside of web pages', {}],
    ['from a listed origin', { origin: ORIGIN }],
    ['from another listed origin', { origin: 'http://localhost:3000' }],
  ])('is accepted %s', async (_case, headers) => {
    const { app, store } = setUp({ auth: undefined, session });
    await seedRoom(store);
    expectInvited(await send(app, { headers: { ...COOKIE, ...headers } }));
    expect((await memberOf(store, BOB))?.sender).toBe(ALICE);
  });

  it.each([
    'https://evil.example.net',
    'null',
    '',
    'http://chat.example.org',
    'https://chat.example.org/',
    'https://chat.example.org:443',
    'https://chat.example.org:8443',
    'https://CHAT.example.org',
    'https://chat.example.org.evil.net',
    'https://evil-chat.example.org',
    'https://example.org',
    'https://chatXexample.org',
    'https://chat.example.org https://evil.example.net',
    '*',
    'http://localhost',
    'http://localhost:30000',
  ])('is ignored, and not even called, for the origin %j', async (origin) => {
    let isCalled = false;
    const { app, store } = setUp({
      session: {
        ...session,
        authenticate: async () => {
          isCalled = true;
          return { requester: { userId: ALICE } };
        },
      },
    });
    await seedRoom(store);
    for (const contentType of ['text/plain', 'application/json']) {
      const headers = { ...COOKIE, origin, 'content-type': contentType };
      expectRefusal(await send(app, { headers }), 401, 'M_MISSING_TOKEN');
    }
    expect(isCalled).toBe(false);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it.each([undefined, null, { failure: 'unknown' }])(
    'authenticates nobody if it resolves with %j',
    async (result) => {
      const { app } = setUp({ session: { ...session, authenticate: async () => result as never } });
      expectRefusal(await send(app, { headers: COOKIE }), 401, 'M_MISSING_TOKEN');
    },
  );

  it.each([{ userId: ALICE }, ALICE, {}])(
    'leads to a 500 that is logged if it resolves with %j',
    async (result) => {
      const { logger, lines } = recordingLogger();
      const { app } = setUp({ logger, session: { ...session, authenticate: async () => result as never } });
      expectRefusal(await send(app, { headers: COOKIE }), 500, 'M_UNKNOWN');
      expect(lines).toMatchObject([
        { details: { err: { message: expect.stringMatching(/^session\.authenticate must resolve/) } } },
      ]);
    },
  );

  it.each(['cross-site', 'same-site', 'Cross-Site'])('is ignored if Sec-Fetch-Site is %s', async (site) => {
    const { app } = setUp({ session });
    const headers = { ...COOKIE, 'sec-fetch-site': site };
    expectRefusal(await send(app, { headers }), 401, 'M_MISSING_TOKEN');
  });

  it.each(['not undefined', 'not all'])('requires a list of origins: %s', (what) => {
    const allowedOrigins = what === 'not all' ? ['*'] : undefined;
    expect(() => setUp({ session: { ...session, allowedOrigins } as never })).toThrow(TypeError);
  });
});

describe('a token next to a session', () => {
  it('wins, whatever the origin', async () => {
    const { app, store } = setUp({ session });
    await seedRoom(store, { members: { [CAROL]: 'join' } });
    const headers = { ...COOKIE, authorization: 'Bearer carol-token', origin: 'https://evil.example.net' };
    expectInvited(await send(app, { headers }));
    expect((await memberOf(store, BOB))?.sender).toBe(CAROL);
  });

  it('that is unknown is rejected despite the session', async () => {
    const { app, store } = setUp({ session });
    await seedRoom(store);
    const headers = { ...COOKIE, authorization: 'Bearer nobody' };
    expectRefusal(await send(app, { headers }), 401, 'M_UNKNOWN_TOKEN');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('that is sent twice is rejected despite the session', async () => {
    const { app } = setUp({ session });
    const path = `${INVITE_PATH}?access_token=alice-token`;
    expectRefusal(await send(app, { headers: { ...COOKIE, ...AS_ALICE }, path }), 401, 'M_MISSING_TOKEN');
  });

  it('is unknown if there is no auth adapter', async () => {
    const { app } = setUp({ auth: undefined, session });
    expectRefusal(await send(app, { headers: { ...COOKIE, ...AS_ALICE } }), 401, 'M_UNKNOWN_TOKEN');
  });
});

describe('the result of a session', () => {
  const sendWithSession = (
    authenticate: SessionAuth['authenticate'],
    more: Parameters<typeof setUp>[0] = {},
  ) => send(setUp({ auth: tokens, session: { ...session, authenticate }, ...more }).app, { headers: COOKIE });

  it('leads to a 401 if it is undefined', async () => {
    expectRefusal(await sendWithSession(async () => undefined), 401, 'M_MISSING_TOKEN');
  });

  it.each([
    ['unknown', 401, 'M_MISSING_TOKEN', {}],
    ['expired', 401, 'M_UNKNOWN_TOKEN', { soft_logout: true }],
    ['locked', 401, 'M_USER_LOCKED', { soft_logout: true }],
    ['forbidden', 403, 'M_FORBIDDEN', {}],
    ['unknownDevice', 400, 'M_UNKNOWN_DEVICE', {}],
  ] as const)('%s leads to %i %s', async (failure, status, errcode, fields) => {
    expectRefusal(await sendWithSession(async () => ({ failure })), status, errcode, fields);
  });

  it.each([
    ['a guest', { userId: ALICE, isGuest: true }, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['a suspended account', { userId: ALICE, isSuspended: true }, 'M_USER_SUSPENDED'],
    ['a user of another server', { userId: '@alice:elsewhere.org' }, 'M_FORBIDDEN'],
  ])('leads to a 403 for %s', async (_case, requester, errcode) => {
    expectRefusal(await sendWithSession(async () => ({ requester })), 403, errcode);
  });

  it('becomes the response if it is a MatrixError', async () => {
    const refused = () => Promise.reject(new MatrixError(403, 'M_FORBIDDEN', 'No'));
    expectRefusal(await sendWithSession(refused), 403, 'M_FORBIDDEN');
  });

  it.each<[string, SessionAuth['authenticate']]>([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['hangs', () => new Promise(() => {})],
  ])('leads to a 503 if authenticate %s', async (_case, authenticate) => {
    const { logger, lines } = recordingLogger();
    const response = await sendWithSession(authenticate, { deadlineMs: 50, logger });
    expectRefusal(response, 503, 'M_UNKNOWN');
    expect(response.headers['retry-after']).toBe('1');
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
  });
});

it('without a session option a cookie is ignored', async () => {
  expectRefusal(await send(setUp().app, { headers: COOKIE }), 401, 'M_MISSING_TOKEN');
});
