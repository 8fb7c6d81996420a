import { gzipSync } from 'node:zlib';
import express from 'express';
import {
  createInviteRouter,
  MatrixError,
  matrixErrorHandler,
  matrixNotFoundHandler,
} from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { describe, expect, inject, it } from 'vitest';
import type { Middleware } from '../frameworks/hosts/host.ts';
import {
  AS_ALICE,
  BOB,
  CORS_HEADERS,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  invitePath,
  memberOf,
  PREFIX,
  ROOM,
  recordingLogger,
  respondAsHost,
  seedRoom,
  send,
  setUp,
  silent,
  type TestRequest,
} from './support.ts';

/** Creates an app in which `mount` mounts the router. */
async function mounted(mount: (app: express.Express, router: ReturnType<typeof setUp>['router']) => void) {
  const { router, store } = setUp();
  await seedRoom(store);
  const app = express();
  mount(app, router);
  respondAsHost(app);
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
    [
      'behind middleware that rewrites URLs',
      (app, router) =>
        app
          .use((request, _response, next) => {
            request.url = request.url.replace('/old', PREFIX);
            next();
          })
          .use(PREFIX, router),
      invitePath(ROOM, '/old'),
    ],
    [
      'by a direct call',
      (app, router) => app.use(PREFIX, (req, res, next) => router(req, res, next)),
      INVITE_PATH,
    ],
  ])('%s', async (_case, mount, path) => {
    const { app, store } = await mounted(mount);
    expect((await send(app, { path: `${path}/` })).status).toBe(418);
    expectRefusal(await send(app, { path, method: 'GET' }), 405, 'M_UNRECOGNIZED');
    expectInvited(await send(app, { path: `${path}?user_id=%40bot%3Aexample.org` }));
    expect(await memberOf(store, BOB)).toMatchObject({ room_id: ROOM });
  });

  it('next to a route of the host app, which gets its own parameters and an unread body', async () => {
    const { app } = setUp();
    app.put(`${PREFIX}/rooms/:id/state/:type`, (request, response) => {
      request.setEncoding('utf8').once('data', (body) => response.json({ ...request.params, body }));
    });
    const response = await send(app, {
      method: 'PUT',
      path: `${PREFIX}/rooms/%21r/state/m.room.name`,
      body: 'hello',
    });
    expect(response.body).toEqual({ id: '!r', type: 'm.room.name', body: 'hello' });
  });

  it('at two prefixes', async () => {
    const { app } = await mounted((host, router) =>
      host.use(PREFIX, router).use('/_matrix/client/r0', router),
    );
    expectInvited(await send(app));
    expectInvited(await send(app, { path: invitePath(ROOM, '/_matrix/client/r0') }));
    expect((await send(app, { path: invitePath(ROOM, '/_matrix/client/v1') })).status).toBe(418);
  });

  it.each<[string, (app: express.Express, a: Tenant, b: Tenant) => void, (name: string) => TestRequest]>([
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

/** Every form in which a client can write a path under `/_matrix`. */
const MATRIX_PATHS = [
  '/_matrix',
  '/_matrix?x',
  '/_matrix/',
  '/_matrix/client/v3/sync',
  '/_matrix/federation/v1/x',
  '//_matrix/client/v3/sync',
  '/_MATRIX/client/v3/sync',
  '/%5fmatrix/client/v3/sync',
  '/%5Fm%61trix',
  'http://localhost/_matrix/client/v3/sync',
  'HTTPS://localhost:8008/_matrix?x',
];

const OTHER_PATHS = [
  '/',
  '/api',
  '/_matrixx',
  '/_matrix.html',
  '/a/_matrix/client',
  '/?/_matrix/',
  '/api?x=/_matrix',
  '/%255fmatrix/x',
  '/%zz/_matrix',
  'http://localhost/api/_matrix',
  'http://_matrix/api',
];

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

  it.each<[string, Middleware, TestRequest, number, string]>([
    ['broken JSON', express.json(), { body: '{"secret' }, 400, 'M_NOT_JSON'],
    ['a scalar, with a strict parser', express.json(), { body: '"secret"' }, 400, 'M_NOT_JSON'],
    ['a smaller limit', express.json({ limit: 10 }), {}, 413, 'M_TOO_LARGE'],
    [
      'a smaller limit on decompressed bytes',
      express.json({ limit: 50 }),
      { body: gzipSync(' '.repeat(60)), headers: { ...AS_JSON, 'content-encoding': 'gzip' } },
      413,
      'M_TOO_LARGE',
    ],
    [
      'an unsupported encoding',
      express.json(),
      { headers: { ...AS_JSON, 'content-encoding': 'compress' } },
      415,
      'M_NOT_JSON',
    ],
    [
      'an unsupported charset',
      express.json(),
      { headers: { ...AS_ALICE, 'content-type': 'application/json; charset=latin1' } },
      415,
      'M_NOT_JSON',
    ],
    [
      'broken compression',
      express.json(),
      { headers: { ...AS_JSON, 'content-encoding': 'gzip' } },
      400,
      'M_NOT_JSON',
    ],
    [
      'broken Brotli compression',
      express.json(),
      { headers: { ...AS_JSON, 'content-encoding': 'br' } },
      inject('expressMajor') === 4 ? 415 : 400,
      'M_NOT_JSON',
    ],
    ['a plain error', (_req, _res, next) => next(new Error('secret')), {}, 500, 'M_UNKNOWN'],
    ['a string', (_req, _res, next) => next('secret'), {}, 500, 'M_UNKNOWN'],
    ['an invalid status', (_req, _res, next) => next({ status: 'secret' }), {}, 500, 'M_UNKNOWN'],
  ])('responds to an error of the host app: %s', async (_case, parser, sent, status, errcode) => {
    const { app } = withParser(parser, { logger: silent });
    const response = await send(app, { headers: AS_JSON, ...sent });
    expectRefusal(response, status, errcode);
    expect(response.text).not.toContain('secret');
  });

  it.each<[string, (response: express.Response) => unknown, number, string]>([
    ['a status', () => httpError({ status: 418 }), 418, 'M_UNKNOWN'],
    ['a statusCode', () => httpError({ statusCode: 410 }), 410, 'M_UNKNOWN'],
    ['both: the status counts', () => httpError({ status: 409, statusCode: 410 }), 409, 'M_UNKNOWN'],
    ['an invalid status', () => httpError({ status: 200, statusCode: 410 }), 410, 'M_UNKNOWN'],
    ['a 5xx', () => httpError({ statusCode: 502 }), 502, 'M_UNKNOWN'],
    [
      'no status, after response.status()',
      (response) => errorAfter(response.status(404)),
      404,
      'M_NOT_FOUND',
    ],
    ['no status, after a 2xx', (response) => errorAfter(response.status(201)), 500, 'M_UNKNOWN'],
    ['a 403', () => httpError({ status: 403 }), 403, 'M_FORBIDDEN'],
    ['a 405', () => httpError({ status: 405 }), 405, 'M_UNRECOGNIZED'],
    ['a 413', () => httpError({ status: 413 }), 413, 'M_TOO_LARGE'],
    ['a 429', () => httpError({ statusCode: 429 }), 429, 'M_LIMIT_EXCEEDED'],
  ])('responds with the status that Express would use: %s', async (_case, thrown, status, errcode) => {
    const { app } = withParser((_request, response, next) => next(thrown(response as express.Response)), {
      logger: silent,
    });
    const response = await send(app);
    expect(response).toMatchObject({ status, body: { errcode } });
    expect(response.text).not.toContain('secret');
    const plain = express().use((_request, res, next) => next(thrown(res)));
    plain.set('env', 'test');
    expect((await send(plain)).status).toBe(status);
  });

  it.each<[string, number, () => unknown]>([
    ['a status that cannot be read', 500, () => unreadable('status')],
    ['headers that cannot be read', 500, () => Object.assign(unreadable('headers'), { status: 503 })],
    ['a code that cannot be read', 500, () => unreadable('code')],
    ['nothing that can be read', 500, () => revokedProxy()],
    [
      'a Retry-After that is no string',
      503,
      () => httpError({ status: 503, headers: { 'Retry-After': Object.create(null) } }),
    ],
    [
      'a Retry-After of an eternity',
      503,
      () => httpError({ status: 503, headers: { 'Retry-After': '9'.repeat(23) } }),
    ],
    ['a delay of an eternity', 503, () => new MatrixError(503, 'M_UNKNOWN', 'Wait', { retryAfterMs: 1e308 })],
    ['a negative Retry-After', 503, () => httpError({ status: 503, headers: { 'Retry-After': '-5' } })],
    [
      'a header that is about the connection',
      503,
      () => httpError({ status: 503, headers: { Trailer: 'X-A' } }),
    ],
  ])('responds in JSON to an error with %s', async (_case, status, thrown) => {
    const { app } = withParser((_request, _response, next) => next(thrown()), { logger: silent });
    const response = await send(app);
    expect(response).toMatchObject({ status, body: { errcode: 'M_UNKNOWN' } });
    expect(response.headers).not.toHaveProperty('trailer');
    expect(response.headers).not.toHaveProperty('retry-after');
    expect(response.text).not.toContain('e+');
  });

  it('removes a Trailer that the host app has announced', async () => {
    const { app } = withParser((_request, response, next) => {
      response.setHeader('Trailer', 'X-A');
      next(httpError({ status: 418 }));
    });
    const response = await send(app);
    expect(response.status).toBe(418);
    expect(response.headers).not.toHaveProperty('trailer');
  });

  it('does not log a 4xx, whose message may quote the request', async () => {
    const { logger, lines } = recordingLogger();
    const { app } = withParser((_req, _res, next) => next(httpError({ status: 418 })), { logger });
    expect((await send(app)).body).toEqual({ errcode: 'M_UNKNOWN', error: "I'm a Teapot" });
    expect(lines).toEqual([]);
  });

  it('sends the headers of the error, but none that would describe another body', async () => {
    const headers = {
      'WWW-Authenticate': 'Basic',
      'Content-Type': 'text/html',
      'Content-Length': '1',
      'Content-Encoding': 'gzip',
      'X Invalid': 'name',
      'X-Invalid': 'a\nb',
    };
    const { app } = withParser((_request, response, next) => {
      response.setHeader('Content-Encoding', 'br');
      response.setHeader('Content-Language', 'de');
      next(httpError({ status: 401, headers }));
    });
    const response = await send(app);
    expect(response).toMatchObject({ status: 401, body: { errcode: 'M_UNKNOWN' } });
    expect(response.headers).toMatchObject({
      'www-authenticate': 'Basic',
      'content-type': 'application/json',
      ...CORS_HEADERS,
    });
    for (const name of ['content-encoding', 'content-language', 'x-invalid']) {
      expect(response.headers).not.toHaveProperty(name);
    }
  });

  it('ignores the headers of an error without a status, like Express', async () => {
    const { app } = withParser((_req, _res, next) => next(httpError({ headers: { 'X-A': '1' } })), {
      logger: silent,
    });
    expect((await send(app)).headers).not.toHaveProperty('x-a');
  });

  it.each<[string, Middleware, object, string]>([
    [
      'of the error',
      (_req, _res, next) => next(httpError({ status: 429, headers: { 'Retry-After': '7' } })),
      { retry_after_ms: 7000 },
      '7',
    ],
    [
      'of the response',
      (_req, res, next) => {
        res.setHeader('Retry-After', 7);
        next(httpError({ status: 503 }));
      },
      { retry_after_ms: 7000 },
      '7',
    ],
    [
      'that is a date',
      (_req, _res, next) =>
        next(httpError({ status: 503, headers: { 'retry-after': 'Fri, 31 Dec 2100 23:59:59 GMT' } })),
      {},
      'Fri, 31 Dec 2100 23:59:59 GMT',
    ],
  ])('repeats the Retry-After %s in the body', async (_case, middleware, fields, header) => {
    const response = await send(withParser(middleware, { logger: silent }).app);
    expect(response.body).toEqual({ errcode: expect.any(String), error: expect.any(String), ...fields });
    expect(response.headers['retry-after']).toBe(header);
  });

  it('logs failures, with their cause', async () => {
    const { logger, lines } = recordingLogger();
    const failure = new Error('secret');
    await send(withParser((_req, _res, next) => next(failure), { logger }).app);
    expect(lines).toEqual([
      {
        level: 'error',
        details: { err: failure, status: 500, errcode: 'M_UNKNOWN' },
        message: 'Responded 500 to a request',
      },
    ]);
  });

  it.each(MATRIX_PATHS)('responds for %s', async (path) => {
    const { app } = withParser(express.json());
    expectRefusal(await send(app, { path, body: '{', headers: AS_JSON }), 400, 'M_NOT_JSON');
  });

  it.each(OTHER_PATHS)('leaves %s to the host app', async (path) => {
    const { app } = withParser(express.json());
    const response = await send(app, { path, body: '{', headers: AS_JSON });
    expect(response).toMatchObject({ status: 418, body: { host: true } });
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('works the same in an app that is mounted at another path', async () => {
    const chat = express().use(express.json()).use(matrixErrorHandler());
    const app = express().use('/chat', chat);
    const response = await send(app, { path: `/chat${INVITE_PATH}`, body: '{', headers: AS_JSON });
    expectRefusal(response, 400, 'M_NOT_JSON');
  });

  it('works the same if it is mounted at /_matrix', async () => {
    const { app } = setUp({}, (host) => host.use(express.json()));
    app.use('/_matrix', matrixErrorHandler());
    expectRefusal(await send(app, { body: '{', headers: AS_JSON }), 400, 'M_NOT_JSON');
  });

  it('leaves the CORS headers to the host app with `cors: false`', async () => {
    const response = await send(withParser(express.json(), { cors: false }).app, {
      body: '{',
      headers: AS_JSON,
    });
    expect(response.status).toBe(400);
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it('leaves a response that has started to the host app', async () => {
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

function errorAfter(_response: express.Response): Error {
  return new Error('secret');
}

function httpError(fields: object): Error {
  return Object.assign(new Error('secret'), fields);
}

describe('a function that is passed to `use` without a call', () => {
  it.each([{ matrixNotFoundHandler }, { matrixErrorHandler }, { createInviteRouter }])(
    'tells the host app how to call it: %o',
    async (named) => {
      const [[name, factory]] = Object.entries(named) as [[string, () => express.RequestHandler]];
      const errors: unknown[] = [];
      const app = express().use(factory as never);
      app.use(((error, _request, response, _next) => {
        errors.push(error);
        response.end();
      }) satisfies express.ErrorRequestHandler);
      await send(app);
      const message = `${name}: called with a request: write app.use(${name}()), not app.use(${name})`;
      expect(errors).toEqual([new TypeError(message)]);
    },
  );
});

describe('matrixNotFoundHandler', () => {
  function host(options?: Parameters<typeof matrixNotFoundHandler>[0]) {
    const { app, router, store } = setUp();
    app.get('/_matrix/client/versions', (_request, response) => response.json({ versions: [] }));
    app.use(matrixNotFoundHandler(options));
    respondAsHost(app);
    return { app, router, store };
  }

  it.each(MATRIX_PATHS)('responds with a 404 for %s', async (path) => {
    for (const method of ['GET', 'POST', 'PURGE']) {
      const response = await send(host().app, { method, path });
      expect(response).toMatchObject({
        status: 404,
        body: { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' },
        headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...CORS_HEADERS },
      });
    }
  });

  it.each(OTHER_PATHS)('leaves %s to the host app', async (path) => {
    expect(await send(host().app, { path })).toMatchObject({ status: 418, body: { host: true } });
  });

  it('leaves the routes in front of it alone', async () => {
    const { app, store } = host();
    await seedRoom(store);
    expectInvited(await send(app));
    expectRefusal(await send(app, { method: 'GET' }), 405, 'M_UNRECOGNIZED');
    const versions = await send(app, { method: 'GET', path: '/_matrix/client/versions' });
    expect(versions.body).toEqual({ versions: [] });
  });

  it('responds to a preflight with a 204, so that pages see the 404 that follows', async () => {
    const response = await send(host().app, { method: 'OPTIONS', path: '/_matrix/client/v3/sync' });
    expect(response).toMatchObject({ status: 204, text: '', headers: CORS_HEADERS });
  });

  it('leaves the CORS headers to the host app with `cors: false`', async () => {
    for (const method of ['POST', 'OPTIONS']) {
      const { headers } = await send(host({ cors: false }).app, { method, path: '/_matrix/x' });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('works the same if it is mounted at /_matrix', async () => {
    const app = express().use('/_matrix', matrixNotFoundHandler());
    expect((await send(app, { path: '/_matrix/x' })).body).toMatchObject({ errcode: 'M_UNRECOGNIZED' });
  });

  it('leaves a response that has begun alone', async () => {
    const app = express().use((_request, response, next) => {
      response.write('begun');
      next();
    });
    app.use(matrixNotFoundHandler()).use((_request, response) => {
      response.end();
    });
    expect(await send(app)).toMatchObject({ status: 200, text: 'begun' });
  });

  it.each([[{ cors: 1 }], [{ logger: silent }]])('rejects invalid options: %j', (options) => {
    expect(() => matrixNotFoundHandler(options as object)).toThrow(TypeError);
  });
});

function unreadable(name: string): Error {
  return Object.defineProperty(new Error('secret'), name, {
    get() {
      throw new Error('secret');
    },
  });
}

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
