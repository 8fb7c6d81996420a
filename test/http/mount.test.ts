import type { IncomingMessage, ServerResponse } from 'node:http';
import { json as jsonOf, text as textOf } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { matrixErrorHandler } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { describe, expect, inject, it } from 'vitest';
import {
  AS_ALICE,
  answeredByHost,
  BOB,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  invitePath,
  memberOf,
  PREFIX,
  ROOM,
  recordingLogger,
  type Sent,
  seedRoom,
  send,
  setUp,
  silent,
} from './support.ts';

type Middleware = (
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** The router in an app that the test makes. */
async function mounted(mount: (app: express.Express, router: ReturnType<typeof setUp>['router']) => void) {
  const { router, store } = setUp();
  await seedRoom(store);
  const app = express();
  mount(app, router);
  answeredByHost(app);
  return { app, router, store };
}

describe('the router is mounted', () => {
  it.each<[string, Parameters<typeof mounted>[0], string]>([
    ['at the root', (app, router) => app.use(router), '/rooms/!room:example.org/invite'],
    ['under the prefix', (app, router) => app.use(PREFIX, router), INVITE_PATH],
    ['under a prefix with a slash', (app, router) => app.use(`${PREFIX}/`, router), INVITE_PATH],
    [
      'in a router',
      (app, router) => app.use('/_matrix', express.Router().use('/client/v3', router)),
      INVITE_PATH,
    ],
    ['in an app', (app, router) => app.use('/_matrix', express().use('/client/v3', router)), INVITE_PATH],
    ['with parameters', (app, router) => app.use('/:roomId/v3', router), invitePath(ROOM, '/x/v3')],
    ['by hand', (app, router) => app.use(PREFIX, (req, res, next) => router(req, res, next)), INVITE_PATH],
  ])('%s', async (_case, mount, path) => {
    const { app, store } = await mounted(mount);
    expect((await send(app, { path: `${path}/` })).status).toBe(418);
    expectRefusal(await send(app, { path, method: 'GET' }), 405, 'M_UNRECOGNIZED');
    expectInvited(await send(app, { path: `${path}?user_id=%40bot%3Aexample.org` }));
    expect(await memberOf(store, BOB)).toMatchObject({ room_id: ROOM });
  });

  it('at two prefixes', async () => {
    const { app } = await mounted((host, router) =>
      host.use(PREFIX, router).use('/_matrix/client/r0', router),
    );
    expectInvited(await send(app));
    expectInvited(await send(app, { path: invitePath(ROOM, '/_matrix/client/r0') }));
    expect((await send(app, { path: invitePath(ROOM, '/_matrix/client/v1') })).status).toBe(418);
  });

  it.each<[string, (app: express.Express, a: Tenant, b: Tenant) => void, (name: string) => Sent]>([
    [
      'twice, for two tenants by path',
      (app, a, b) => app.use(`/a${PREFIX}`, a.router).use(`/b${PREFIX}`, b.router),
      (name) => ({ path: invitePath(`!room:${name}.example`, `/${name}${PREFIX}`) }),
    ],
    [
      'twice, for two tenants by host name',
      (app, a, b) =>
        app.use(PREFIX, (request, response, next) => {
          (request.hostname === 'a.example' ? a : b).router(request, response, next);
        }),
      (name) => ({ path: invitePath(`!room:${name}.example`), headers: { host: `${name}.example` } }),
    ],
  ])('%s', async (_case, mount, sentTo) => {
    const [a, b] = [await tenant('a'), await tenant('b')];
    const app = express();
    mount(app, a, b);
    const sent = sentTo('a');
    const body = { user_id: '@bob:a.example' };
    const withToken = (token: string) => ({
      ...sent,
      body,
      headers: { ...sent.headers, authorization: token },
    });
    expectRefusal(await send(app, withToken('Bearer of-b')), 401, 'M_UNKNOWN_TOKEN');
    expectInvited(await send(app, withToken('Bearer of-a')));
    expect(await memberOf(a.store, '@bob:a.example', '!room:a.example')).toBeDefined();
    expect(await b.store.roomState('!room:a.example')).toBeUndefined();
    await a.router.close();
    expectRefusal(await send(app, withToken('Bearer of-a')), 503, 'M_UNKNOWN');
    const other = sentTo('b');
    const headers = { ...other.headers, authorization: 'Bearer of-b' };
    expectInvited(await send(app, { ...other, headers, body: { user_id: '@bob:b.example' } }));
  });
});

type Tenant = Awaited<ReturnType<typeof tenant>>;

async function tenant(name: string) {
  const owner = `@owner:${name}.example`;
  const host = setUp({
    serverName: `${name}.example`,
    auth: staticTokens({ [`of-${name}`]: owner }),
    logger: silent,
  });
  await seedRoom(host.store, { roomId: `!room:${name}.example`, members: { [owner]: 'join' } });
  return host;
}

const readsText: Middleware = (request, _response, next) => {
  void textOf(request).then((body) => {
    request.body = body;
    next();
  });
};

const parsers: [string, Middleware][] = [
  ['no parser', (_request, _response, next) => next()],
  ['express.json()', express.json()],
  ['express.json() of every type', express.json({ type: '*/*' })],
  ['express.text() of every type', express.text({ type: '*/*' })],
  ['express.raw() of every type', express.raw({ type: '*/*' })],
  ['express.urlencoded()', express.urlencoded({ extended: true })],
  ['a parser of its own, to text', readsText],
  [
    'a parser of its own, to an object',
    (request, _response, next) => {
      void jsonOf(request).then((body) => {
        request.body = body;
        next();
      });
    },
  ],
];

describe('behind a host with', () => {
  const host = (parser: Middleware) => mounted((app, router) => app.use(parser).use(PREFIX, router));

  describe.each(parsers)('%s', (_parser, parser) => {
    it.each([undefined, 'application/json', 'text/plain', 'application/octet-stream'])(
      'an invite of the Content-Type %j is made',
      async (contentType) => {
        const { app, store } = await host(parser);
        const headers = contentType === undefined ? AS_ALICE : { ...AS_ALICE, 'content-type': contentType };
        expectInvited(await send(app, { headers, body: { user_id: BOB, reason: 'é😀' } }));
        expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite', reason: 'é😀' });
      },
    );

    it('what is no invite is refused', async () => {
      const { app, store } = await host(parser);
      const headers = { ...AS_ALICE, 'content-type': 'application/json' };
      expectRefusal(await send(app, { headers, body: '[]' }), 400, 'M_BAD_JSON');
      expectRefusal(await send(app, { headers, body: { user_id: 'bob' } }), 400, 'M_INVALID_PARAM');
      expectRefusal(await send(app, { headers: {}, body: '{}' }), 401, 'M_MISSING_TOKEN');
      expect(await memberOf(store, BOB)).toBeUndefined();
    });
  });

  it.each([
    ['text that is none', express.text({ type: '*/*' }), 'hello'],
    ['empty text', readsText, ''],
    ['bytes that are none', express.raw({ type: '*/*' }), 'hello'],
    [
      'bytes that are no UTF-8',
      express.raw({ type: '*/*' }),
      Buffer.from(`{"user_id":"${BOB}","reason":"\xff"}`, 'latin1'),
    ],
    ['a type that it skips', express.json(), 'hello'],
  ])('a parser, JSON is asked for: %s', async (_case, parser, body) => {
    const { app } = await mounted((host, router) => host.use(parser).use(PREFIX, router));
    const answer = await send(app, { body, headers: { ...AS_ALICE, 'content-type': 'text/plain' } });
    expectRefusal(answer, 400, 'M_NOT_JSON');
  });

  it('a parser that eats the body and leaves nothing', async () => {
    const { app } = await mounted((host, router) => {
      const eats: Middleware = (request, _response, next) => request.resume().on('end', () => next());
      host.use(eats).use(PREFIX, router);
    });
    expectRefusal(await send(app), 400, 'M_NOT_JSON');
  });

  it('cookies, a log and slow middlewares in front', async () => {
    const log: string[] = [];
    const { app } = await mounted((host, router) => {
      host.use((request, response, next) => {
        response.setHeader('X-Request-Id', '7');
        response.on('finish', () => log.push(`${request.method} ${response.statusCode}`));
        Object.assign(request, { cookies: { sid: 'x' }, body: undefined });
        void delay(20).then(() => next());
      });
      host.use(PREFIX, router);
    });
    const answer = await send(app, { headers: { ...AS_ALICE, cookie: 'sid=x' } });
    expectInvited(answer);
    expect(answer.headers['x-request-id']).toBe('7');
    expect(log).toEqual(['POST 200']);
  });
});

describe('a host that answers by itself', () => {
  const never = () => new Promise<never>(() => {});

  /** A time limit of the host's, shorter than ours. */
  const hasty: Middleware = (_request, response, next) => {
    setTimeout(() => response.writeHead(504).end('late'), 20);
    next();
  };

  it('while we wait for a store keeps its answer', async () => {
    const { logger, lines } = recordingLogger();
    const { app } = setUp(
      { storage: { readState: never, appendEvent: never }, deadlineMs: 60, logger },
      (host) => host.use(hasty),
    );
    expect(await send(app)).toMatchObject({ status: 504, text: 'late' });
    await delay(80);
    expect(lines).toMatchObject([{ level: 'warn' }]);
  });

  it('while we wait for the body keeps its answer', async () => {
    const { app } = setUp({ bodyTimeoutMs: 60, logger: silent }, (host) => host.use(hasty));
    const headers = { ...AS_ALICE, 'content-length': 1000 };
    expect(await send(app, { headers, body: '{' })).toMatchObject({ status: 504, text: 'late' });
    // A failure here would be an uncaught one.
    await delay(80);
  });

  it.each([
    ['POST', INVITE_PATH],
    ['GET', INVITE_PATH],
    ['OPTIONS', INVITE_PATH],
    ['POST', `${PREFIX}/rooms/%zz/invite`],
  ])('and yet goes on to us has decided: %s %s', async (method, path) => {
    const { logger, lines } = recordingLogger();
    const outcomes: unknown[] = [];
    const { app, store } = setUp({ logger, onOutcome: (outcome) => outcomes.push(outcome) }, (host) =>
      host.use((_request, response, next) => {
        response.writeHead(403).end('no');
        next();
      }),
    );
    await seedRoom(store);
    expect(await send(app, { method, path })).toMatchObject({ status: 403, text: 'no' });
    await delay(20);
    expect(await memberOf(store, BOB)).toBeUndefined();
    expect([lines, outcomes]).toEqual([[], []]);
  });
});

describe('matrixErrorHandler', () => {
  const AS_JSON = { ...AS_ALICE, 'content-type': 'application/json' };

  function withParser(parser: Middleware, options: Parameters<typeof matrixErrorHandler>[0] = {}) {
    const { app, router } = setUp({}, (host) => host.use(parser));
    app.use(matrixErrorHandler(options));
    app.use(((_error, _request, response, _next) => {
      response.status(418).json({ host: true });
    }) satisfies express.ErrorRequestHandler);
    return { app, router };
  }

  it.each<[string, Middleware, Sent, number, string]>([
    ['broken JSON', express.json(), { body: '{"secret' }, 400, 'M_NOT_JSON'],
    ['a scalar, with a strict parser', express.json(), { body: '"secret"' }, 400, 'M_NOT_JSON'],
    ['a smaller limit', express.json({ limit: 10 }), {}, 413, 'M_TOO_LARGE'],
    [
      'a smaller limit of inflated bytes',
      express.json({ limit: 50 }),
      { body: gzipSync(' '.repeat(60)), headers: { ...AS_JSON, 'content-encoding': 'gzip' } },
      413,
      'M_TOO_LARGE',
    ],
    [
      'an encoding that is not supported',
      express.json(),
      { headers: { ...AS_JSON, 'content-encoding': 'compress' } },
      415,
      'M_NOT_JSON',
    ],
    [
      'a charset that is not supported',
      express.json(),
      { headers: { ...AS_ALICE, 'content-type': 'application/json; charset=latin1' } },
      415,
      'M_NOT_JSON',
    ],
    [
      'compression that is broken',
      express.json(),
      { headers: { ...AS_JSON, 'content-encoding': 'gzip' } },
      400,
      'M_NOT_JSON',
    ],
    [
      'compression that is broken, by Brotli',
      express.json(),
      { headers: { ...AS_JSON, 'content-encoding': 'br' } },
      inject('expressMajor') === 4 ? 415 : 400,
      'M_NOT_JSON',
    ],
    ['a failure of the host’s', (_req, _res, next) => next(new Error('secret')), {}, 500, 'M_UNKNOWN'],
    ['something thrown', (_req, _res, next) => next('secret'), {}, 500, 'M_UNKNOWN'],
    ['a status that is none', (_req, _res, next) => next({ status: 'secret' }), {}, 500, 'M_UNKNOWN'],
    ['a status of 5xx', (_req, _res, next) => next(httpError(502)), {}, 500, 'M_UNKNOWN'],
  ])('answers for a host with %s', async (_case, parser, sent, status, errcode) => {
    const { app } = withParser(parser, { logger: silent });
    const answer = await send(app, { headers: AS_JSON, ...sent });
    expectRefusal(answer, status, errcode);
    expect(answer.text).not.toContain('secret');
  });

  it('answers with the status of a host’s refusal, not with its text', async () => {
    const { logger, lines } = recordingLogger();
    const { app } = withParser((_req, _res, next) => next(httpError(418)), { logger });
    const answer = await send(app);
    expect(answer).toMatchObject({ status: 418, body: { errcode: 'M_UNKNOWN', error: "I'm a Teapot" } });
    expect(lines).toEqual([]);
  });

  it('logs failures, with their cause', async () => {
    const { logger, lines } = recordingLogger();
    const failure = new Error('secret');
    await send(withParser((_req, _res, next) => next(failure), { logger }).app);
    expect(lines).toEqual([
      {
        level: 'error',
        details: { err: failure, status: 500, errcode: 'M_UNKNOWN' },
        message: 'A request was answered 500',
      },
    ]);
  });

  it.each(['/_matrix', '/_matrix?x', '/_matrix/', '/_matrix/client/v3/sync', '/_matrix/federation/v1/x'])(
    'answers for %s',
    async (path) => {
      const { app } = withParser(express.json());
      expectRefusal(await send(app, { path, body: '{', headers: AS_JSON }), 400, 'M_NOT_JSON');
    },
  );

  it.each(['/', '/api', '/_matrixx', '/_matrix.html', '/a/_matrix/client', '/?/_matrix/', '/api?x=/_matrix'])(
    'leaves %s to the host',
    async (path) => {
      const { app } = withParser(express.json());
      const answer = await send(app, { path, body: '{', headers: AS_JSON });
      expect(answer).toMatchObject({ status: 418, body: { host: true } });
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  it('mounted at /_matrix is the same', async () => {
    const { app } = setUp({}, (host) => host.use(express.json()));
    app.use('/_matrix', matrixErrorHandler());
    expectRefusal(await send(app, { body: '{', headers: AS_JSON }), 400, 'M_NOT_JSON');
  });

  it('leaves the CORS headers to a host that says so', async () => {
    const answer = await send(withParser(express.json(), { cors: false }).app, {
      body: '{',
      headers: AS_JSON,
    });
    expect(answer.status).toBe(400);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('leaves an answer that has begun to the host', async () => {
    const app = express();
    app.use(PREFIX, (_request, response, next) => {
      response.write('begun');
      next(new Error('then it fails'));
    });
    const failures: unknown[] = [];
    app.use(matrixErrorHandler({ logger: silent }));
    app.use(((error, _request, response, _next) => {
      failures.push(error);
      response.end();
    }) satisfies express.ErrorRequestHandler);
    expect((await send(app)).text).toBe('begun');
    expect(failures).toMatchObject([{ message: 'then it fails' }]);
  });
});

function httpError(status: number): Error {
  return Object.assign(new Error('secret'), { status });
}
