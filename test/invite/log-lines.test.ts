import {
  createInviteService,
  type InviteRouterOptions,
  type Logger,
  MatrixError,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, INVITE_PATH, invite, limits, ROOM, seedRoom, setUp } from '../http/support.ts';
import { aliceInvitesBob, around } from './support.ts';

type Line = readonly [level: string, details: Record<string, unknown>, message: string];

function recordAllLevels(): { readonly lines: Line[]; readonly logger: Logger } {
  const lines: Line[] = [];
  const at = (level: string) => (details: object, message: string) => {
    lines.push([level, { ...details }, message]);
  };
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

async function appWith(options: Partial<InviteRouterOptions> = {}) {
  const { lines, logger } = recordAllLevels();
  const host = setUp({ logger, ...options });
  await seedRoom(host.store, { members: { [CAROL]: 'join' } });
  return { ...host, lines };
}

const down = () => Promise.reject(new StorageUnavailableError('down'));
const common = { requesterId: ALICE, roomId: ROOM, durationMs: expect.any(Number) };

describe('a request', () => {
  const cases: [
    name: string,
    options: Partial<InviteRouterOptions>,
    request: Parameters<typeof invite>[1],
    level: string,
    details: object,
  ][] = [
    ['that succeeds', {}, {}, 'info', { ...common, status: 200, outcome: 'invited', tries: 1 }],
    [
      'that the room refuses',
      {},
      { body: { user_id: CAROL } },
      'info',
      { ...common, status: 403, errcode: 'M_FORBIDDEN', reason: 'inviteeJoined', tries: 1 },
    ],
    [
      'without a valid token',
      {},
      { token: 'nobody' },
      'info',
      { status: 401, errcode: 'M_UNKNOWN_TOKEN', tries: 0, durationMs: expect.any(Number) },
    ],
    [
      'during an outage',
      { storage: around(new MemoryStorage(), { readState: down }) },
      {},
      'warn',
      {
        ...common,
        status: 503,
        errcode: 'M_UNKNOWN',
        tries: 1,
        failedCall: 'readState',
        err: expect.objectContaining({ message: 'down' }),
      },
    ],
    [
      'that ends with an unexpected error',
      { storage: around(new MemoryStorage(), { readState: () => Promise.reject(new Error('fault')) }) },
      {},
      'error',
      {
        ...common,
        status: 500,
        errcode: 'M_UNKNOWN',
        tries: 1,
        failedCall: 'readState',
        err: expect.objectContaining({ message: 'fault' }),
      },
    ],
    [
      'whose policy fails',
      { policies: [{ name: 'p', decide: () => Promise.reject(new Error('fault')) }] },
      {},
      'error',
      {
        ...common,
        status: 403,
        errcode: 'M_FORBIDDEN',
        policy: 'p',
        tries: 1,
        failedCall: 'decide',
        err: expect.objectContaining({ message: 'fault' }),
        problems: ['A policy failed or returned an invalid decision: the invite is refused'],
      },
    ],
    [
      'that cannot read the profile',
      { users: { getProfile: () => Promise.reject(new Error('no profiles')) } },
      {},
      'warn',
      {
        ...common,
        status: 200,
        outcome: 'invited',
        tries: 1,
        failedCall: 'getProfile',
        err: expect.objectContaining({ message: 'no profiles' }),
        problems: ["The invitee's profile could not be read: the invite is sent without it"],
      },
    ],
  ];

  it.each(cases)('%s logs one line', async (_case, options, request, level, details) => {
    const { app, router, lines } = await appWith(options);
    const { status } = await invite(app, request);
    await router.close();
    expect(lines).toEqual([[level, details, `Responded ${status} to an invite`]]);
  });

  it('over a rate limit logs which one', async () => {
    const { app, lines } = await appWith({ rateLimit: limits(1) });
    await invite(app);
    await invite(app, { body: { user_id: '@new:example.org' } });
    expect(lines[1]).toEqual([
      'info',
      {
        ...common,
        status: 429,
        errcode: 'M_LIMIT_EXCEEDED',
        tries: 1,
        scope: expect.stringMatching(/inviter|room/),
        retryAfterMs: expect.any(Number),
      },
      'Responded 429 to an invite',
    ]);
  });

  it('with two problems logs both in one line', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const error = new MatrixError(413, 'M_TOO_LARGE', 'The store says no');
    const { app, lines } = await appWith({
      storage: around(store, { appendEvent: async () => ({ outcome: 'refused', error }) }),
      users: { getProfile: () => Promise.reject(new Error('no profiles')) },
      rateLimit: {
        consume: async () => ({ allowed: true, receipt: 1 }),
        refund: () => Promise.reject(new Error('no refunds')),
      },
    });
    expect((await invite(app)).status).toBe(413);
    expect(lines).toMatchObject([
      [
        'warn',
        {
          status: 413,
          problems: [
            "The invitee's profile could not be read: the invite is sent without it",
            'A rate limit could not be refunded',
          ],
        },
        'Responded 413 to an invite',
      ],
    ]);
  });
});

describe('the request ID', () => {
  it.each([
    ['a string', 'req-1', 'req-1'],
    ['a number', 7, '7'],
    ['a string that is too long', 'x'.repeat(1_000), 'x'.repeat(200)],
  ])('is the request.id that pino-http and others set: %s', async (_case, id, expected) => {
    const { lines, logger } = recordAllLevels();
    const ids: unknown[] = [];
    const { app } = setUp({ logger, onOutcome: ({ requestId }) => ids.push(requestId) }, (host) => {
      host.use((request, _response, next) => {
        Object.assign(request, { id });
        next();
      });
    });
    await invite(app);
    expect(lines[0]?.[1].requestId).toBe(expected);
    expect(ids).toEqual([expected]);
  });

  it('is the result of the option requestId', async () => {
    const { app, lines } = await appWith({ requestId: ({ headers }) => headers['x-request-id'] });
    await supertest(app)
      .post(INVITE_PATH)
      .set('X-Request-Id', 'abc')
      .set('Authorization', 'Bearer alice-token')
      .send({ user_id: BOB });
    expect(lines[0]?.[1]).toMatchObject({ requestId: 'abc', status: 200 });
  });

  it('is left out if it is neither a string nor a number', async () => {
    const { app, lines } = await appWith({ requestId: () => ({ secret: true }) });
    await invite(app);
    expect(Object.keys(lines[0]?.[1] ?? {})).not.toContain('requestId');
  });

  const failure = new Error('no id');
  const promise = 'requestId must return a string or a number, not a promise';
  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw failure;
      },
      'no id',
    ],
    ['is async', async () => 'id', promise],
    ['is async and rejects', () => Promise.reject(failure), promise],
  ])('is left out if the option requestId %s, which is logged once', async (_case, requestId, message) => {
    const ids: unknown[] = [];
    const { app, lines } = await appWith({ requestId, onOutcome: (outcome) => ids.push(outcome.requestId) });
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app)).status).toBe(200);
    expect(ids).toEqual([undefined, undefined]);
    expect(lines.map(([level]) => level)).toEqual(['error', 'info', 'info']);
    expect(lines[0]).toMatchObject([
      'error',
      { err: { message } },
      'requestId failed: requests have no ID in the log',
    ]);
  });
});

describe('a service', () => {
  it('logs one line per call', async () => {
    const { lines, logger } = recordAllLevels();
    const storage = new MemoryStorage();
    await seedRoom(storage);
    const service = createInviteService({ serverName: 'example.org', storage, rateLimit: false, logger });
    await service.invite(aliceInvitesBob);
    await service.check(aliceInvitesBob);
    await service.invite({ ...aliceInvitesBob, userId: ALICE }).catch(() => {});
    const ids = { requesterId: ALICE, roomId: ROOM };
    expect(lines).toEqual([
      ['info', { ...ids, outcome: 'invited', tries: 1, status: 200 }, 'Responded 200 to an invite'],
      ['info', { ...ids, allowed: true, tries: 0, status: 200 }, 'Responded 200 to an invite check'],
      [
        'info',
        { ...ids, tries: 1, status: 403, errcode: 'M_FORBIDDEN', reason: 'inviteeJoined' },
        'Responded 403 to an invite',
      ],
    ]);
  });
});
