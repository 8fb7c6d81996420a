import { gzipSync } from 'node:zlib';
import {
  HttpAntispamError,
  type HttpAntispamFailure,
  type HttpAntispamOptions,
  httpAntispam,
} from 'express-matrix-invite/policies/http-antispam';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, invitesOf, ROOM } from '../../http/support.ts';
import { answers, appAsking, inviteBy, type Reaction, serviceThat } from './http-antispam-support.ts';
import { ask } from './support.ts';

const UNCHECKED = { status: 403, body: { errcode: 'M_FORBIDDEN', error: 'The invite could not be checked' } };
const ALLOWED = { status: 200, body: {} };
const BODY = { errcode: 'M_FORBIDDEN', error: 'secret text' };

/** Sends the head of an answer and the start of its body, and no more. */
const begins =
  (status: number): Reaction =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.write('{');
  };

/** Sends a body without an end, as fast as it is read. */
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
    (status): FailureCase => [`${status}`, answers(status, BODY), 'status', status],
  ),
  ...[300, 304, 500, 502, 503, 599].map(
    (status): FailureCase => [`${status}`, answers(status, status === 304 ? '' : BODY), 'status', status],
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
  ].map((errcode): FailureCase => [`400 ${errcode}`, answers(400, { ...BODY, errcode }), 'answer', 400]),
  ['403 of no JSON', answers(403, '<html>secret text</html>'), 'answer', 403],
  ['403 without a body', answers(403, ''), 'answer', 403],
  ['403 of a list', answers(403, [BODY]), 'answer', 403],
  ['403 of null', answers(403, 'null'), 'answer', 403],
  ['403 of half a JSON', answers(403, '{"errcode":"M_FORBIDDEN"'), 'answer', 403],
  ['200 of no JSON', answers(200, '<html>Log in</html>'), 'answer', 200],
  ['200 of a text', answers(200, '"ok"'), 'answer', 200],
  ['a byte more than 64 KiB', answers(200, `{}${' '.repeat(65_535)}`), 'answer', 200],
  ['a body without an end', floods, 'answer', 403],
  [
    'a small body that is large when unpacked',
    answers(403, gzipSync(Buffer.alloc(50_000_000, ' ')), { 'content-encoding': 'gzip' }),
    'answer',
    403,
  ],
  // The Fetch standard's own doing: it is for proxies to ask for a login so.
  ['407', answers(407, BODY), 'network', undefined],
  ['a reset', (response) => response.socket?.resetAndDestroy(), 'network', undefined],
  ['a body that breaks off', breaksOff, 'network', undefined],
  ['no HTTP', (response) => response.socket?.end('secret text\r\n\r\n'), 'network', undefined],
];

/** As long as no slow machine takes. */
const AMPLE = { timeoutMs: 20_000 };

async function failureBy(reaction: Reaction, options: Partial<HttpAntispamOptions> = {}) {
  const errors: HttpAntispamError[] = [];
  const result = await inviteBy(
    reaction,
    { accessToken: 'secret-token', ...AMPLE, onError: (error) => errors.push(error), ...options },
    { deadlineMs: 30_000 },
  );
  return { ...result, errors };
}

/** What the policy rejects with, when it is asked with such a deadline. */
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
  'a moderation service that answers %s',
  (_case, reaction, failure, status) => {
    it('refuses by default, and is in the log', async () => {
      const { answer, invited, host, errors, service } = await failureBy(reaction);
      expect([answer, invited]).toEqual([UNCHECKED, 0]);
      expect(host.faults()).toMatchObject([{ level: 'error', details: { policy: 'httpAntispam' } }]);
      const [line] = host.faults() as { details: { err?: unknown } }[];
      expectFailure(line?.details.err, failure, status);
      expect(errors).toEqual([line?.details.err]);
      // The Fetch standard has one more try for 421, on a connection of its own.
      expect(service.asked.length).toBe(status === 421 ? 2 : 1);
    });

    it('lets pass where the host says so, and the host is told', async () => {
      const { answer, invited, host, errors } = await failureBy(reaction, { onFailure: 'allow' });
      expect([answer, invited]).toEqual([ALLOWED, 1]);
      expect(errors).toHaveLength(1);
      expectFailure(errors[0], failure, status);
      expect(host.faults()).toEqual([]);
    });
  },
);

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%s is a failure, and is not followed', async (status) => {
    const target = await serviceThat(answers(200, {}));
    const location = `${target.baseUrl}/user_may_invite`;
    const { answer, errors, service } = await failureBy(answers(status, {}, { location }));
    expect(answer).toEqual(UNCHECKED);
    expectFailure(errors[0], 'status', status);
    expect([service.asked.length, target.asked.length]).toEqual([1, 0]);
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
    expect([refusing.answer, refusing.invited]).toEqual([UNCHECKED, 0]);
    const allowing = await failureBy(reaction, { timeoutMs: 50, onFailure: 'allow' });
    expect([allowing.answer, allowing.invited]).toEqual([ALLOWED, 1]);
    for (const { errors } of [refusing, allowing]) {
      expect(errors).toHaveLength(1);
      expectFailure(errors[0], 'timeout');
    }
  });

  it.each(slow)('is let go when the deadline of the request is over: it %s', async (_case, reaction) => {
    const deadline = new AbortController();
    const service = await serviceThat((response, asked) => {
      reaction(response, asked);
      deadline.abort();
    });
    const error = await failureOfDecision(service.baseUrl, deadline.signal);
    expectFailure(error, 'timeout');
    await service.letGo;
  });

  it('is not asked once the deadline of the request is over', async () => {
    const service = await serviceThat(answers(200, {}));
    expectFailure(await failureOfDecision(service.baseUrl, AbortSignal.abort()), 'timeout');
    expect(service.asked).toEqual([]);
  });

  it('has two seconds by default', async () => {
    const startedAt = performance.now();
    const { answer } = await inviteBy(() => {}, {}, { deadlineMs: 30_000 });
    expect(answer).toEqual(UNCHECKED);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_990);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});

describe('a service that is not there', () => {
  it('is a failure, with the code of the network and no address', async () => {
    const service = await serviceThat(answers(200, {}));
    await service.close();
    const errors: HttpAntispamError[] = [];
    const onError = (error: HttpAntispamError) => errors.push(error);
    const host = await appAsking(service, { ...AMPLE, onError, onFailure: 'allow' });
    expect(await ask(host)).toEqual(ALLOWED);
    expectFailure(errors[0], 'network');
    expect(errors[0]?.message).toBe('The moderation service cannot be reached (ECONNREFUSED)');
  });
});

describe('onError', () => {
  it('is not called for decisions', async () => {
    for (const reaction of [answers(200, {}), answers(400, BODY)]) {
      expect((await failureBy(reaction)).errors).toEqual([]);
    }
  });

  it.each(['refuse', 'allow'] as const)(
    'refuses the invite where it throws, with onFailure %j',
    async (onFailure) => {
      const { answer, invited, host } = await failureBy(answers(500, {}), {
        onFailure,
        onError: () => {
          throw new Error('the metrics are down');
        },
      });
      expect([answer, invited]).toEqual([UNCHECKED, 0]);
      expect(host.faults()).toMatchObject([{ details: { err: { message: 'the metrics are down' } } }]);
    },
  );
});

describe('many invites at once', () => {
  it('get each its own answer', async () => {
    const service = await serviceThat((response, { body }) => {
      const { invitee } = body as { readonly invitee: string };
      const isEven = Number(/\d+/.exec(invitee)?.[0]) % 2 === 0;
      answers(isEven ? 200 : 403, { errcode: 'M_FORBIDDEN', error: invitee })(response);
    });
    const host = await appAsking(service, AMPLE);
    const invitees = Array.from({ length: 40 }, (_none, number) => `@user${number}:example.org`);
    const got = await Promise.all(invitees.map((user_id) => ask(host, { user_id })));
    expect(got).toEqual(
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
