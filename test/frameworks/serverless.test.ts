import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import express, { Router } from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { fastify } from 'fastify';
import { createRequest, createResponse } from 'node-mocks-http';
import serverless from 'serverless-http';
import { describe, expect, it } from 'vitest';
import { AS_ALICE, BOB, INVITE_PATH, memberOf, PREFIX, ROOM, seedRoom, setUp } from '../http/support.ts';

const INVITE_BOB = JSON.stringify({ user_id: BOB, reason: 'é😀' });
const JSON_HEADERS = { ...AS_ALICE, 'content-type': 'application/json', host: 'api.example.org' };

type LambdaResponse = { readonly statusCode: number; readonly body: string; readonly headers: object };

/** Creates an Express app in which the router is mounted after `before`. */
async function appWithRoom(...before: express.RequestHandler[]) {
  const { router, store } = setUp();
  await seedRoom(store);
  const app = express();
  for (const middleware of before) app.use(middleware);
  app.use(PREFIX, router);
  return { app, store };
}

/** The event of an HTTP API, or of a function URL. */
const eventV2 = (more: object = {}) => ({
  version: '2.0',
  rawPath: INVITE_PATH,
  rawQueryString: '',
  headers: JSON_HEADERS,
  requestContext: { http: { method: 'POST', path: INVITE_PATH, sourceIp: '192.0.2.1' } },
  body: INVITE_BOB,
  isBase64Encoded: false,
  ...more,
});

/** The event of a REST API, or of a load balancer with multi-value headers. */
const eventV1 = (more: object = {}) => ({
  httpMethod: 'POST',
  path: INVITE_PATH,
  headers: {},
  multiValueHeaders: Object.fromEntries(Object.entries(JSON_HEADERS).map(([name, value]) => [name, [value]])),
  requestContext: { identity: { sourceIp: '192.0.2.1' } },
  body: INVITE_BOB,
  isBase64Encoded: false,
  ...more,
});

const withoutAuthorization = { 'content-type': 'application/json' };

describe('on AWS Lambda, through serverless-http', () => {
  const cases: [string, object][] = [
    ['an HTTP API', eventV2()],
    ['an HTTP API with a base64 body', eventV2({ body: base64Of(INVITE_BOB), isBase64Encoded: true })],
    ['an HTTP API, with Expect', eventV2({ headers: { ...JSON_HEADERS, expect: '100-continue' } })],
    ['a REST API', eventV1()],
    ['a REST API with a base64 body', eventV1({ body: base64Of(INVITE_BOB), isBase64Encoded: true })],
    [
      'a REST API with single-value headers',
      eventV1({ headers: JSON_HEADERS, multiValueHeaders: undefined }),
    ],
    [
      'a token in the query',
      eventV1({
        headers: withoutAuthorization,
        multiValueHeaders: {},
        queryStringParameters: { access_token: 'alice-token' },
      }),
    ],
  ];

  it.each(cases)('an invite is accepted from %s, with and without a parser', async (_case, event) => {
    for (const before of [[], [express.json()], [express.text({ type: '*/*' })]]) {
      const { app, store } = await appWithRoom(...before);
      const response = (await serverless(app)(structuredClone(event), {})) as LambdaResponse;
      expect([response.statusCode, response.body]).toEqual([200, '{}']);
      expect((await memberOf(store, BOB))?.content.reason).toBe('é😀');
    }
  });

  it.each<[string, object, number, string]>([
    ['no token', eventV2({ headers: withoutAuthorization }), 401, 'M_MISSING_TOKEN'],
    [
      'two tokens',
      eventV1({ queryStringParameters: { access_token: 'alice-token' } }),
      401,
      'M_MISSING_TOKEN',
    ],
    ['no body', eventV2({ body: '' }), 400, 'M_NOT_JSON'],
    ['a body that is not JSON', eventV2({ body: 'hello' }), 400, 'M_NOT_JSON'],
    ['a body that is too large', eventV2({ body: ' '.repeat(409_601) }), 413, 'M_TOO_LARGE'],
    ['another method', eventV1({ httpMethod: 'PUT' }), 405, 'M_UNRECOGNIZED'],
  ])('a request is rejected: %s', async (_case, event, status, errcode) => {
    const { app } = await appWithRoom();
    const response = (await serverless(app)(event, {})) as LambdaResponse;
    expect([response.statusCode, JSON.parse(response.body)]).toMatchObject([status, { errcode }]);
  });
});

describe('on AWS Lambda, which freezes the process after the handler', () => {
  it('closing the router of the invocation waits for onInvite, and the next invocation has another one', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const done: string[] = [];
    const outcomes: number[] = [];
    const handler = async (event: object) => {
      const router = createInviteRouter({
        serverName: 'example.org',
        storage: store,
        rateLimit: false,
        auth: staticTokens({ 'alice-token': '@alice:example.org' }),
        onInvite: async ({ event: { state_key } }) => {
          await delay(20);
          done.push(state_key);
        },
        onOutcome: ({ status }) => outcomes.push(status),
      });
      const response = await serverless(express().use(PREFIX, router))(event, {});
      await router.close();
      return response;
    };
    for (const user_id of [BOB, '@dave:example.org']) {
      const response = await handler(eventV2({ body: JSON.stringify({ user_id }) }));
      expect(response).toMatchObject({ statusCode: 200 });
      expect(done.at(-1)).toBe(user_id);
    }
    expect(outcomes).toEqual([200, 200]);
  });
});

describe('with requests that a test makes up', () => {
  it('an invite is accepted through node-mocks-http', async () => {
    const { router, store } = setUp();
    await seedRoom(store);
    const request = createRequest({
      method: 'POST',
      url: `/rooms/${encodeURIComponent(ROOM)}/invite`,
      headers: { Authorization: 'Bearer alice-token' },
      body: { user_id: BOB },
    });
    const response = createResponse({ eventEmitter: EventEmitter });
    const ended = new Promise((resolve) => response.on('end', resolve));
    router(request, response, () => expect.fail('The router passed the request on'));
    await ended;
    expect([response.statusCode, response._getData()]).toEqual([200, '{}']);
    expect(await memberOf(store, BOB)).toBeDefined();
  });

  it.each<[string, object]>([
    ['with a body', { payload: INVITE_BOB }],
    ['with an object', { payload: { user_id: BOB } }],
  ])('an invite is accepted through light-my-request: %s', async (_case, sent) => {
    const { router, store } = setUp();
    await seedRoom(store);
    const matrix = Router().use(PREFIX, router);
    const app = fastify();
    app.addHook('onRequest', (request, reply, next) =>
      matrix(request.raw as never, reply.raw as never, next),
    );
    const response = await app.inject({ method: 'POST', url: INVITE_PATH, headers: AS_ALICE, ...sent });
    expect([response.statusCode, response.json()]).toEqual([200, {}]);
    const refused = await app.inject({ method: 'POST', url: INVITE_PATH, headers: {}, ...sent });
    expect([refused.statusCode, refused.json()]).toMatchObject([401, { errcode: 'M_MISSING_TOKEN' }]);
    await app.close();
  });
});

function base64Of(text: string): string {
  return Buffer.from(text).toString('base64');
}
