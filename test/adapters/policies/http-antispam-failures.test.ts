import { gzipSync } from 'node:zlib';
import {
  HttpAntispamError,
  type HttpAntispamFailure,
  type HttpAntispamOptions,
  httpAntispam,
} from 'express-matrix-invite/policies/http-antispam';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, invitesOf, ROOM } from '../../http/support.ts';
import {
  appWithService,
  inviteThrough,
  type Reaction,
  responds,
  serviceThat,
} from './http-antispam-support.ts';
import { sendInvite } from './support.ts';

const UNCHECKED = { status: 403, body: { errcode: 'M_FORBIDDEN', error: 'The invite could not be checked' } };
const ALLOWED = { status: 200, body: {} };
const BODY = { errcode: 'M_FORBIDDEN', error: 'secret text' };

/** Sends the head of a response and the start of its body, and nothing more. */
const begins =
  (status: number): Reaction =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.write('{');
  };

/** Sends an endless body, as fast as it is read. */
const floods: Reaction = (response) => {
  const more = () => {
    while (!response.destroyed && response.write(' '.repeat(16_384)));
  };
  response.writeHead(403, { 'content-type': 'application/json' });
  response.on('drain', more);
  more();
};

const breaksOff: Reaction = (response) => {
  response.writeHead(403, { 'content-length': '100' });
  response.write('{"errcode":"M_FORBIDDEN"', () => response.socket?.destroy());
};

type FailureCase = readonly [string, Reaction, HttpAntispamFailure, status: number | undefined];

const FAILURES: readonly FailureCase[] = [
  ...[401, 404, 405, 408, 413, 415, 421, 425, 426, 429, 431].map(
    (status): FailureCase => [`${status}`, responds(status, BODY), 'status', status],
  ),
  ...[300, 304, 500, 502, 503, 599].map(
    (status): FailureCase => [`${status}`, responds(status, status === 304 ? '' : BODY), 'status', status],
  ),
  ['500 whose body hangs', begins(500), 'status', 500],
  ...[
    'M_UNKNOWN_TOKEN',
    'M_MISSING_TOKEN',
    'M_USER_LOCKED',
    'M_UNRECOGNIZED',
    'M_NOT_JSON',
    'M_BAD_JSON',
    'M_MISSING_PARAM',
    'M_INVALID_PARAM',
  ].map((errcode): FailureCase => [`400 ${errcode}`, responds(400, { ...BODY, errcode }), 'answer', 400]),
  ['403 that is not JSON', responds(403, '<html>secret text</html>'), 'answer', 403],
  ['403 without a body', responds(403, ''), 'answer', 403],
  ['403 with a list', responds(403, [BODY]), 'answer', 403],
  ['403 with null', responds(403, 'null'), 'answer', 403],
  ['403 with incomplete JSON', responds(403, '{"errcode":"M_FORBIDDEN"'), 'answer', 403],
  ['200 that is not JSON', responds(200, '<html>Log in</html>'), 'answer', 200],
  ['200 with a string', responds(200, '"ok"'), 'answer', 200],
  ['one byte more than 64 KiB', responds(200, `{}${' '.repeat(65_535)}`), 'answer', 200],
  ['an endless body', floods, 'answer', 403],
  [
    'a small body that is large when decompressed',
    responds(403, gzipSync(Buffer.alloc(50_000_000, ' ')), { 'content-encoding': 'gzip' }),
    'answer',
    403,
  ],
  // By the Fetch standard, a 407 is a network error unless it comes from a proxy.
  ['407', responds(407, BODY), 'network', undefined],
  ['a reset', (response) => response.socket?.resetAndDestroy(), 'network', undefined],
  ['an incomplete body', breaksOff, 'network', undefined],
  [
    'something that is not HTTP',
    (response) => response.socket?.end('secret text\r\n\r\n'),
    'network',
    undefined,
  ],
];

/** Long enough for any slow machine. */
const AMPLE = { timeoutMs: 20_000 };

async function failureBy(reaction: Reaction, options: Partial<HttpAntispamOptions> = {}) {
  const errors: HttpAntispamError[] = [];
  const result = await inviteThrough(
    reaction,
    { accessToken: 'secret-token', ...AMPLE, onError: (error) => errors.push(error), ...options },
    { deadlineMs: 30_000 },
  );
  return { ...result, errors };
}

/** Returns the error that the policy rejects with, given the signal of a deadline. */
async function failureOfDecision(baseUrl: string, signal: AbortSignal): Promise<unknown> {
  const policy = httpAntispam({ baseUrl, timeoutMs: 60_000 });
  const state = { roomId: ROOM, keys: [], events: [], revision: undefined };
  const request = { requester: { userId: ALICE }, roomId: ROOM, userId: BOB, state };
  return Promise.resolve(policy.decide(request, { signal })).then(
    (decision) => expect.fail(`decided ${JSON.stringify(decision)}`),
    (error: unknown) => error,
  );
}

function expectFailure(error: unknown, failure: HttpAntispamFailure, status?: number): void {
  expect(error).toBeInstanceOf(HttpAntispamError);
  expect(error).toMatchObject({ code: 'ERR_HTTP_ANTISPAM', name: 'HttpAntispamError', failure });
  expect((error as HttpAntispamError).status).toBe(status);
  const all = `${(error as Error).stack} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
  expect(all).not.toMatch(/secret|spam_check|127\.0\.0\.1/);
}

describe.each<FailureCase>(FAILURES)(
  'a moderation service that responds with %s',
  (_case, reaction, failure, status) => {
    it('refuses by default, and is logged', async () => {
      const { response, invited, host, errors, service } = await failureBy(reaction);
      expect([response, invited]).toEqual([UNCHECKED, 0]);
      expect(host.faults()).toMatchObject([{ level: 'error', details: { policy: 'httpAntispam' } }]);
      const [line] = host.faults() as { details: { err?: unknown } }[];
      expectFailure(line?.details.err, failure, status);
      expect(errors).toEqual([line?.details.err]);
      // The Fetch standard retries a 421 once, on a new connection.
      expect(service.requests.length).toBe(status === 421 ? 2 : 1);
    });

    it('allows if configured, and calls onError', async () => {
      const { response, invited, host, errors } = await failureBy(reaction, { onFailure: 'allow' });
      expect([response, invited]).toEqual([ALLOWED, 1]);
      expect(errors).toHaveLength(1);
      expectFailure(errors[0], failure, status);
      expect(host.faults()).toEqual([]);
    });
  },
);

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%s is a failure, and is not followed', async (status) => {
    const target = await serviceThat(responds(200, {}));
    const location = `${target.baseUrl}/user_may_invite`;
    const { response, errors, service } = await failureBy(responds(status, {}, { location }));
    expect(response).toEqual(UNCHECKED);
    expectFailure(errors[0], 'status', status);
    expect([service.requests.length, target.requests.length]).toEqual([1, 0]);
  });
});

describe('a response without a decision whose body never ends', () => {
  it.each<[string, Reaction]>([
    ['a 500', begins(500)],
    ['a body that is too large', floods],
  ])('is disconnected: %s', async (_case, reaction) => {
    const { response, service } = await failureBy(reaction);
    expect(response).toEqual(UNCHECKED);
    await service.disconnected;
  });
});

describe('a service that takes too long', () => {
  const slow: [string, Reaction][] = [
    ['is silent', () => {}],
    ['begins a refusal', begins(403)],
    ['begins an allowance', begins(200)],
  ];

  it.each(slow)('is a failure: it %s', async (_case, reaction) => {
    const refusing = await failureBy(reaction, { timeoutMs: 50 });
    expect([refusing.response, refusing.invited]).toEqual([UNCHECKED, 0]);
    const allowing = await failureBy(reaction, { timeoutMs: 50, onFailure: 'allow' });
    expect([allowing.response, allowing.invited]).toEqual([ALLOWED, 1]);
    for (const { errors } of [refusing, allowing]) {
      expect(errors).toHaveLength(1);
      expectFailure(errors[0], 'timeout');
    }
  });

  it.each(slow)('is disconnected when the deadline of the request passes: it %s', async (_case, reaction) => {
    const deadline = new AbortController();
    const service = await serviceThat((response, request) => {
      reaction(response, request);
      deadline.abort();
    });
    const error = await failureOfDecision(service.baseUrl, deadline.signal);
    expectFailure(error, 'timeout');
    await service.disconnected;
  });

  it('is not called once the deadline of the request has passed', async () => {
    const service = await serviceThat(responds(200, {}));
    expectFailure(await failureOfDecision(service.baseUrl, AbortSignal.abort()), 'timeout');
    expect(service.requests).toEqual([]);
  });

  it('has two seconds by default', async () => {
    const startedAt = performance.now();
    const { response } = await inviteThrough(() => {}, {}, { deadlineMs: 30_000 });
    expect(response).toEqual(UNCHECKED);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_990);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});

describe('a service that is down', () => {
  it('is a failure, with the error code and no address', async () => {
    const service = await serviceThat(responds(200, {}));
    await service.close();
    const errors: HttpAntispamError[] = [];
    const onError = (error: HttpAntispamError) => errors.push(error);
    const host = await appWithService(service, { ...AMPLE, onError, onFailure: 'allow' });
    expect(await sendInvite(host)).toEqual(ALLOWED);
    expectFailure(errors[0], 'network');
    expect(errors[0]?.message).toBe('The moderation service cannot be reached (ECONNREFUSED)');
  });
});

describe('onError', () => {
  it('is not called for decisions', async () => {
    for (const reaction of [responds(200, {}), responds(400, BODY)]) {
      expect((await failureBy(reaction)).errors).toEqual([]);
    }
  });

  it.each(['refuse', 'allow'] as const)(
    'refuses the invite if it throws, with onFailure %j',
    async (onFailure) => {
      const { response, invited, host } = await failureBy(responds(500, {}), {
        onFailure,
        onError: () => {
          throw new Error('the metrics are down');
        },
      });
      expect([response, invited]).toEqual([UNCHECKED, 0]);
      expect(host.faults()).toMatchObject([{ details: { err: { message: 'the metrics are down' } } }]);
    },
  );
});

describe('many concurrent invites', () => {
  it('each get their own decision', async () => {
    const service = await serviceThat((response, { body }) => {
      const { invitee } = body as { readonly invitee: string };
      const isEven = Number(/\d+/.exec(invitee)?.[0]) % 2 === 0;
      responds(isEven ? 200 : 403, { errcode: 'M_FORBIDDEN', error: invitee })(response);
    });
    const host = await appWithService(service, AMPLE);
    const invitees = Array.from({ length: 40 }, (_none, number) => `@user${number}:example.org`);
    const responses = await Promise.all(invitees.map((user_id) => sendInvite(host, { user_id })));
    expect(responses).toEqual(
      invitees.map((user_id, number) =>
        number % 2 === 0 ? ALLOWED : { status: 403, body: { errcode: 'M_FORBIDDEN', error: user_id } },
      ),
    );
    for (const [number, user_id] of invitees.entries()) {
      expect(await invitesOf(host.store, user_id)).toBe(number % 2 === 0 ? 1 : 0);
    }
    expect(await invitesOf(host.store, BOB)).toBe(0);
  });
});
