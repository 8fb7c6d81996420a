import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { MatrixError, type SessionAuth } from 'express-matrix-invite';
import { describe, expect, it } from 'vitest';
import { RawClient } from './raw-client.ts';
import {
  ALICE,
  AS_ALICE,
  BOB,
  CAROL,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  listening,
  memberOf,
  portOf,
  recordingLogger,
  seedRoom,
  send,
  setUp,
  tokens,
} from './support.ts';

const ORIGIN = 'https://chat.example.org';
const COOKIE = { cookie: 'sid=of-alice' };

/** A host whose session cookie says who it is. */
const session: SessionAuth = {
  allowedOrigins: ['http://localhost:3000', ORIGIN],
  async authenticate({ headers }: IncomingMessage) {
    return headers.cookie === 'sid=of-alice' ? { requester: { userId: ALICE } } : undefined;
  },
};

describe('a session', () => {
  it.each<[string, OutgoingHttpHeaders]>([
    ['without an Origin, as of no page', {}],
    ['from a listed origin', { origin: ORIGIN }],
    ['from another listed origin', { origin: 'http://localhost:3000' }],
  ])('counts %s', async (_case, headers) => {
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
  ])('does not count, and is not even asked, from the origin %j', async (origin) => {
    let isAsked = false;
    const { app, store } = setUp({
      session: {
        ...session,
        authenticate: async () => {
          isAsked = true;
          return { requester: { userId: ALICE } };
        },
      },
    });
    await seedRoom(store);
    for (const contentType of ['text/plain', 'application/json']) {
      const headers = { ...COOKIE, origin, 'content-type': contentType };
      expectRefusal(await send(app, { headers }), 401, 'M_MISSING_TOKEN');
    }
    expect(isAsked).toBe(false);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it.each([undefined, null, { failure: 'unknown' }])('is nobody when it resolves %j', async (nobody) => {
    const { app } = setUp({ session: { ...session, authenticate: async () => nobody as never } });
    expectRefusal(await send(app, { headers: COOKIE }), 401, 'M_MISSING_TOKEN');
  });

  it.each([{ userId: ALICE }, ALICE, {}])(
    'is a fault of the host, and logged, when it resolves %j',
    async (odd) => {
      const { logger, lines } = recordingLogger();
      const { app } = setUp({ logger, session: { ...session, authenticate: async () => odd as never } });
      expectRefusal(await send(app, { headers: COOKIE }), 500, 'M_UNKNOWN');
      expect(lines).toMatchObject([
        { details: { err: { message: expect.stringMatching(/^session\.authenticate must resolve/) } } },
      ]);
    },
  );

  it.each(['cross-site', 'same-site', 'Cross-Site'])(
    'does not count where Sec-Fetch-Site says %s',
    async (site) => {
      const { app } = setUp({ session });
      const headers = { ...COOKIE, 'sec-fetch-site': site };
      expectRefusal(await send(app, { headers }), 401, 'M_MISSING_TOKEN');
    },
  );

  it('does not count where a listed origin is one of two', async () => {
    const { app, store } = setUp({ session });
    await seedRoom(store);
    const client = await RawClient.connect(portOf(await listening(app)));
    const body = JSON.stringify({ user_id: BOB });
    client.write(
      `POST ${INVITE_PATH} HTTP/1.1\r\nHost: x\r\nCookie: sid=of-alice\r\nOrigin: ${ORIGIN}\r\n`,
      `Origin: https://evil.example.net\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expectRefusal(await client.answer(), 401, 'M_MISSING_TOKEN');
    client.socket.destroy();
  });

  it.each(['allowedOrigins', 'everything'])('needs its origins named: %s', (what) => {
    const allowedOrigins = what === 'everything' ? ['*'] : undefined;
    expect(() => setUp({ session: { ...session, allowedOrigins } as never })).toThrow(TypeError);
  });
});

describe('a token beside a session', () => {
  it('wins, from whichever origin', async () => {
    const { app, store } = setUp({ session });
    await seedRoom(store, { members: { [CAROL]: 'join' } });
    const headers = { ...COOKIE, authorization: 'Bearer carol-token', origin: 'https://evil.example.net' };
    expectInvited(await send(app, { headers }));
    expect((await memberOf(store, BOB))?.sender).toBe(CAROL);
  });

  it('that is not known is not made good by the session', async () => {
    const { app, store } = setUp({ session });
    await seedRoom(store);
    const headers = { ...COOKIE, authorization: 'Bearer nobody' };
    expectRefusal(await send(app, { headers }), 401, 'M_UNKNOWN_TOKEN');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('that is given twice is not made good either', async () => {
    const { app } = setUp({ session });
    const path = `${INVITE_PATH}?access_token=alice-token`;
    expectRefusal(await send(app, { headers: { ...COOKIE, ...AS_ALICE }, path }), 401, 'M_MISSING_TOKEN');
  });

  it('is unknown where there is no auth adapter', async () => {
    const { app } = setUp({ auth: undefined, session });
    expectRefusal(await send(app, { headers: { ...COOKIE, ...AS_ALICE } }), 401, 'M_UNKNOWN_TOKEN');
  });
});

describe('what a session says', () => {
  const asking = (authenticate: SessionAuth['authenticate'], more: Parameters<typeof setUp>[0] = {}) =>
    send(setUp({ auth: tokens, session: { ...session, authenticate }, ...more }).app, { headers: COOKIE });

  it('nobody: 401', async () => {
    expectRefusal(await asking(async () => undefined), 401, 'M_MISSING_TOKEN');
  });

  it.each([
    ['unknown', 401, 'M_MISSING_TOKEN', {}],
    ['expired', 401, 'M_UNKNOWN_TOKEN', { soft_logout: true }],
    ['locked', 401, 'M_USER_LOCKED', { soft_logout: true }],
    ['forbidden', 403, 'M_FORBIDDEN', {}],
    ['unknownDevice', 400, 'M_UNKNOWN_DEVICE', {}],
  ] as const)('%s', async (failure, status, errcode, fields) => {
    expectRefusal(await asking(async () => ({ failure })), status, errcode, fields);
  });

  it.each([
    ['a guest', { userId: ALICE, isGuest: true }, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['a suspended account', { userId: ALICE, isSuspended: true }, 'M_USER_SUSPENDED'],
    ['a user of another server', { userId: '@alice:elsewhere.org' }, 'M_FORBIDDEN'],
  ])('%s: 403', async (_case, requester, errcode) => {
    expectRefusal(await asking(async () => ({ requester })), 403, errcode);
  });

  it('a refusal of its own', async () => {
    const refused = () => Promise.reject(new MatrixError(403, 'M_FORBIDDEN', 'No'));
    expectRefusal(await asking(refused), 403, 'M_FORBIDDEN');
  });

  it.each<[string, SessionAuth['authenticate']]>([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['hangs', () => new Promise(() => {})],
  ])('nothing, because it %s: 503', async (_case, authenticate) => {
    const { logger, lines } = recordingLogger();
    const answer = await asking(authenticate, { deadlineMs: 50, logger });
    expectRefusal(answer, 503, 'M_UNKNOWN');
    expect(answer.headers['retry-after']).toBe('1');
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
  });
});

it('without a session a cookie counts for nothing', async () => {
  expectRefusal(await send(setUp().app, { headers: COOKIE }), 401, 'M_MISSING_TOKEN');
});
