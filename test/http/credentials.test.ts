import type { OutgoingHttpHeaders } from 'node:http';
import { inspect } from 'node:util';
import { type AuthAdapter, type AuthRequest, MatrixError } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  ALICE,
  AS_ALICE,
  BOB,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  memberOf,
  recordingLogger,
  seedRoom,
  send,
  setUp,
  silent,
} from './support.ts';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('an access token', () => {
  it.each<[string, OutgoingHttpHeaders, string]>([
    ['the Authorization header', AS_ALICE, ''],
    ['a scheme in lower case', { authorization: 'bearer alice-token' }, ''],
    ['a scheme in capitals', { authorization: 'BEARER alice-token' }, ''],
    ['a header with several spaces', { authorization: 'Bearer   alice-token' }, ''],
    ['the query', {}, '?access_token=alice-token'],
    ['the query, percent-encoded, among other parameters', {}, '?a=b&access_token=%61lice%2Dtoken&c'],
    [
      'the query, next to the Basic credentials of a proxy',
      { authorization: 'Basic Zm9vOmJhcg==' },
      '?access_token=alice-token',
    ],
    ['the query, in front of a fragment', {}, '?access_token=alice-token#?access_token=carol-token'],
    ['the header, next to similar query parameters', AS_ALICE, '?ACCESS_TOKEN=x&access_token[]=y'],
  ])('is read from %s', async (_case, headers, query) => {
    const { app, store } = setUp();
    await seedRoom(store);
    expectInvited(await send(app, { headers, path: INVITE_PATH + query }));
    expect((await memberOf(store, BOB))?.sender).toBe(ALICE);
  });

  it.each<[string, OutgoingHttpHeaders, string]>([
    ['no token', {}, ''],
    ['a header without a token', { authorization: 'Bearer' }, ''],
    ['a header with only spaces as the token', { authorization: 'Bearer  ' }, ''],
    ['another scheme', { authorization: 'Basic alice-token' }, ''],
    ['a scheme that only starts with Bearer', { authorization: 'BearerX alice-token' }, ''],
    ['a token without a scheme', { authorization: 'alice-token' }, ''],
    ['an empty query token', {}, '?access_token='],
    ['a query token without a value', {}, '?access_token'],
    ['different tokens in header and query', AS_ALICE, '?access_token=carol-token'],
    ['the same token in header and query', AS_ALICE, '?access_token=alice-token'],
    ['a header next to an empty query token', AS_ALICE, '?access_token='],
    ['two query tokens', {}, '?access_token=alice-token&access_token=alice-token'],
    ['two tokens in one header', { authorization: 'Bearer alice-token, Bearer carol-token' }, ''],
    ['a token in the fragment', {}, '#?access_token=alice-token'],
  ])('is missing with %s', async (_case, headers, query) => {
    const { app, store } = setUp();
    await seedRoom(store);
    expectRefusal(await send(app, { headers, path: INVITE_PATH + query }), 401, 'M_MISSING_TOKEN');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it.each([
    'nobody',
    'ALICE-TOKEN',
    'alice-toke',
    'a b',
    '\u00a0alice-token',
    'alice-token\u00a0',
    '\talice-token',
  ])('is unknown: %s', async (token) => {
    const { app } = setUp();
    expectRefusal(await send(app, { headers: bearer(token) }), 401, 'M_UNKNOWN_TOKEN');
  });

  it('in the query can be turned off: it is ignored, both alone and next to a header', async () => {
    const { app, store } = setUp({ queryToken: false });
    await seedRoom(store);
    const path = `${INVITE_PATH}?access_token=alice-token`;
    expectRefusal(await send(app, { headers: {}, path }), 401, 'M_MISSING_TOKEN');
    expectInvited(await send(app, { path }));
  });
});

describe('the result of the auth adapter', () => {
  it.each([
    ['unknown', 401, 'M_UNKNOWN_TOKEN', {}],
    ['expired', 401, 'M_UNKNOWN_TOKEN', { soft_logout: true }],
    ['locked', 401, 'M_USER_LOCKED', { soft_logout: true }],
    ['forbidden', 403, 'M_FORBIDDEN', {}],
    ['unknownDevice', 400, 'M_UNKNOWN_DEVICE', {}],
  ] as const)('%s leads to %i %s', async (failure, status, errcode, fields) => {
    const { app, store } = setUp({ auth: { authenticate: async () => ({ failure }) } });
    await seedRoom(store);
    expectRefusal(await send(app), status, errcode, fields);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it.each([
    ['a guest', { userId: ALICE, isGuest: true }, 403, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['a suspended account', { userId: ALICE, isSuspended: true }, 403, 'M_USER_SUSPENDED'],
    ['a user of another server', { userId: '@alice:elsewhere.org' }, 403, 'M_FORBIDDEN'],
    ['a user of a subdomain', { userId: '@alice:chat.example.org' }, 403, 'M_FORBIDDEN'],
  ])('%s cannot invite', async (_case, requester, status, errcode) => {
    const { app, store } = setUp({ auth: staticTokens({ 'alice-token': requester }) });
    await seedRoom(store, { members: { [requester.userId]: 'join' } });
    expectRefusal(await send(app), status, errcode);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('can refuse before the limits are consumed and the body is read', async () => {
    const { app } = setUp({
      auth: staticTokens({ 'alice-token': { userId: ALICE, isGuest: true } }),
      rateLimit: { consume: () => Promise.reject(new Error('called')), refund: async () => {} },
    });
    expectRefusal(await send(app, { body: 'no JSON' }), 403, 'M_GUEST_ACCESS_FORBIDDEN');
  });

  it('needs a full user ID: a localpart alone leads to a 500', async () => {
    const { logger, lines } = recordingLogger();
    const auth = { authenticate: async () => ({ requester: { userId: 'alice' } }) };
    expectRefusal(await send(setUp({ auth, logger }).app), 500, 'M_UNKNOWN');
    expect(lines).toMatchObject([{ level: 'error', details: { err: { name: 'TypeError' } } }]);
  });
});

describe('the request that the auth adapter receives', () => {
  function capturing() {
    const requests: AuthRequest[] = [];
    const auth: AuthAdapter = {
      async authenticate(request) {
        requests.push(request);
        return { requester: { userId: ALICE } };
      },
    };
    return { requests, ...setUp({ auth }) };
  }

  it('contains the token, and the user and the device that an application service asserts', async () => {
    const { app, requests, store } = capturing();
    await seedRoom(store);
    const query = '?user_id=%40bot%3Aexample.org&device_id=D%C3%89V+1';
    expectInvited(await send(app, { path: INVITE_PATH + query }));
    expect(requests).toMatchObject([
      { accessToken: 'alice-token', assertedUserId: '@bot:example.org', assertedDeviceId: 'DÉV 1' },
    ]);
    expect(requests[0]?.request.method).toBe('POST');
    expect(requests[0]?.request.headers.authorization).toBe('Bearer alice-token');
  });

  it('contains no assertion if none was sent, and never the user_id of the body', async () => {
    const { app, requests, store } = capturing();
    await seedRoom(store);
    expectInvited(await send(app));
    expect(requests).toHaveLength(1);
    expect(requests[0]?.assertedUserId).toBeUndefined();
    expect(requests[0]?.assertedDeviceId).toBeUndefined();
  });

  it.each(['user_id', 'device_id'])('is never sent if %s comes twice', async (name) => {
    const { app, requests } = capturing();
    const path = `${INVITE_PATH}?${name}=a&${name}=b`;
    expectRefusal(await send(app, { path }), 400, 'M_INVALID_PARAM');
    expect(requests).toEqual([]);
  });
});

describe('an auth adapter that fails', () => {
  const failures: [string, AuthAdapter['authenticate']][] = [
    ['rejects', async () => Promise.reject(new Error('down'))],
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects with undefined', async () => Promise.reject(undefined)],
    ['hangs', () => new Promise(() => {})],
  ];

  it.each(failures)('leads to a 503, never a 401, if it %s', async (_case, authenticate) => {
    const { logger, lines } = recordingLogger();
    const { app, store } = setUp({ auth: { authenticate }, deadlineMs: 50, logger });
    await seedRoom(store);
    const response = await send(app);
    expectRefusal(response, 503, 'M_UNKNOWN');
    expect(response.headers['retry-after']).toBe('1');
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  const invalidResults: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a string', '@alice:example.org'],
    ['only the requester', { userId: '@alice:example.org' }],
    ['a requester without a user ID', { requester: {} }],
    ['a requester with an incomplete user ID', { requester: { userId: 'alice' } }],
    ['an unknown failure', { failure: 'toString' }],
  ];

  it.each(invalidResults)(
    'leads to a 500 if it resolves with %s, and the log says what it must resolve with',
    async (_case, result) => {
      const { logger, lines } = recordingLogger();
      const { app } = setUp({ auth: { authenticate: async () => result as never }, logger });
      expectRefusal(await send(app), 500, 'M_UNKNOWN');
      expect(lines).toMatchObject([
        {
          level: 'error',
          details: { err: { message: expect.stringMatching(/^auth\.authenticate must resolve/) } },
        },
      ]);
    },
  );

  it('receives the signal of the deadline', async () => {
    let aborted: Promise<unknown> = Promise.reject(new Error('never called'));
    aborted.catch(() => {});
    const auth: AuthAdapter = {
      authenticate: (_request, { signal }) => {
        aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        return new Promise(() => {});
      },
    };
    expectRefusal(await send(setUp({ auth, deadlineMs: 50, logger: silent }).app), 503, 'M_UNKNOWN');
    await aborted;
  });

  it('can choose the response by rejecting with a MatrixError', async () => {
    const auth = {
      authenticate: () => Promise.reject(new MatrixError(403, 'M_FORBIDDEN', 'Not from there')),
    };
    const response = await send(setUp({ auth }).app);
    expectRefusal(response, 403, 'M_FORBIDDEN');
    expect(response.body).toMatchObject({ error: 'Not from there' });
  });
});

describe('a token', () => {
  const SECRET = 'syt_c2VjcmV0_topsecret';
  const auth = staticTokens({ [SECRET]: ALICE });
  const down = async () => Promise.reject(new Error('down'));
  const cases: [string, Parameters<typeof setUp>[0], string?][] = [
    ['an invite', { auth }],
    ['an unknown token', { auth: staticTokens({ other: ALICE }) }],
    ['an auth adapter that is down', { auth: { authenticate: down } }],
    ['an auth adapter that hangs', { auth: { authenticate: () => new Promise(() => {}) }, deadlineMs: 30 }],
    ['an invalid requester', { auth: { authenticate: async () => ({ requester: { userId: '' } }) } }],
    ['a body that is not JSON', { auth }, `{"access_token":"${SECRET}"`],
    ['a store that is down', { auth, storage: { readState: down, appendEvent: down } }],
    ['limits that are down', { auth, rateLimit: { consume: down, refund: down } }],
    ['an onOutcome that throws', { auth, onOutcome: down }],
    ['an onInvite that throws', { auth, onInvite: down }],
  ];
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each(cases)('never reaches the log: %s', async (_case, options, body) => {
    const { logger, lines } = recordingLogger();
    const printed: unknown[] = [];
    for (const method of ['debug', 'info', 'log', 'warn', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((...values) => printed.push(values));
    }
    for (const logging of [{ logger }, {}]) {
      const { app, router, store } = setUp({ ...options, ...logging });
      await seedRoom(store);
      for (const sent of [
        { headers: bearer(SECRET) },
        { headers: {}, path: `${INVITE_PATH}?access_token=${SECRET}` },
        { headers: bearer(SECRET), path: `${INVITE_PATH}?access_token=${SECRET}` },
        { headers: bearer(SECRET), path: `${INVITE_PATH.replace('%3A', '%zz')}?access_token=${SECRET}` },
      ]) {
        const response = await send(app, body === undefined ? sent : { ...sent, body });
        expect(response.text).not.toContain(SECRET);
      }
      await router.close();
    }
    // The logger and the console got the same failures, so there is something to search.
    expect(printed.length).toBe(lines.length);
    const all = inspect([lines, printed], { depth: 50, maxStringLength: null, maxArrayLength: null });
    expect(all).not.toContain(SECRET);
    expect(all).not.toContain('c2VjcmV0');
  });
});
