import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type ClientHttp2Stream, connect, createServer, type OutgoingHttpHeaders } from 'node:http2';
import { type AddressInfo, connect as connectSocket, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type Request, type Response, Router } from 'express';
import { matrixErrorHandler } from 'express-matrix-invite';
import { fastify } from 'fastify';
import Koa from 'koa';
import connectMiddleware from 'koa-connect';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createHttp2Server, exchangeOverHttp2 } from '../http/http2-client.ts';
import {
  ALICE,
  AS_ALICE,
  BOB,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  memberOf,
  PREFIX,
  recordingLogger,
  seedRoom,
  setUp,
  toTestResponse,
} from '../http/support.ts';

const INVITE_BOB = Buffer.from(JSON.stringify({ user_id: BOB }));
const POST = { ':method': 'POST', ':path': INVITE_PATH };

const warnings: Error[] = [];
const recordWarning = (warning: Error) => warnings.push(warning);
process.on('warning', recordWarning);
afterEach(() => {
  // Node warns about headers that do not belong in HTTP/2.
  expect(warnings.splice(0)).toEqual([]);
});

type Options = Parameters<typeof setUp>[0];

/** Starts a server with a room of Alice's, and connects a client to it. */
async function connected(options: Options = {}) {
  const { logger, lines } = recordingLogger();
  const outcomes: number[] = [];
  const { router, store } = setUp({ logger, onOutcome: ({ status }) => outcomes.push(status), ...options });
  await seedRoom(store);
  const matrix = Router().use(PREFIX, router);
  const server = createHttp2Server(((request, response) => {
    matrix(request as never, response as never, () => response.writeHead(404).end());
  }) as RequestListener);
  const port = await portOf(server);
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    session.destroy();
    server.close();
  });
  return { port, server, session, store, lines, outcomes };
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function responseOf(stream: ClientHttp2Stream) {
  const [{ ':status': status, ...headers }] = await once(stream, 'response');
  return toTestResponse(status, headers, await text(stream));
}

describe('over HTTP/2', () => {
  it('a body needs no Content-Length', async () => {
    const { session } = await connected();
    const stream = session.request({ ...POST, ...AS_ALICE });
    stream.end(INVITE_BOB);
    expectInvited(await responseOf(stream));
  });

  it('a body in pieces is reassembled', async () => {
    const { session, store } = await connected();
    const bytes = Buffer.from(JSON.stringify({ user_id: BOB, reason: 'a😀b' }));
    const at = bytes.indexOf('😀') + 2;
    const stream = session.request({ ...POST, ...AS_ALICE });
    stream.write(bytes.subarray(0, at));
    await delay(20);
    stream.end(bytes.subarray(at));
    expectInvited(await responseOf(stream));
    expect((await memberOf(store, BOB))?.content.reason).toBe('a😀b');
  });

  it.each([
    ['headers that end the request', { endStream: true }],
    ['an empty body', { endStream: false }],
  ])('no body is rejected as not JSON: %s', async (_case, options) => {
    const { session } = await connected();
    const stream = session.request({ ...POST, ...AS_ALICE }, options);
    if (!options.endStream) stream.end();
    expectRefusal(await responseOf(stream), 400, 'M_NOT_JSON');
  });

  it('a body that never ends leads to a 408, and its stream is closed without an error', async () => {
    const { session, outcomes } = await connected({ bodyTimeoutMs: 60 });
    const stream = session.request({ ...POST, ...AS_ALICE });
    stream.write(INVITE_BOB);
    const closed = once(stream, 'close');
    expectRefusal(await responseOf(stream), 408, 'M_UNKNOWN');
    await closed;
    expect([stream.rstCode, session.destroyed, outcomes]).toEqual([0, false, [408]]);
  });

  it.each<[number, OutgoingHttpHeaders, string]>([
    [413, { ...AS_ALICE, 'content-length': 1_000_000 }, ''],
    [413, AS_ALICE, ' '.repeat(101)],
    [401, { 'content-length': 1_000_000 }, ''],
    [415, { ...AS_ALICE, 'content-encoding': 'x' }, ''],
    [405, { ...AS_ALICE, ':method': 'PUT' }, ''],
  ])(
    'a %i does not wait for the body, and its stream is closed without an error',
    async (status, headers, sent) => {
      const { session, outcomes } = await connected({ bodyLimitBytes: 100, bodyTimeoutMs: 60 });
      const stream = session.request({ ...POST, ...headers });
      if (sent !== '') stream.write(sent);
      const closed = once(stream, 'close');
      expect((await responseOf(stream)).status).toBe(status);
      await closed;
      expect([stream.rstCode, outcomes]).toEqual([0, [status]]);
      const next = session.request({ ...POST, ...AS_ALICE });
      next.end(INVITE_BOB);
      expectInvited(await responseOf(next));
    },
  );

  it('a client that sends everything first can read the 413', async () => {
    const { session } = await connected();
    const stream = session.request({ ...POST, ...AS_ALICE });
    stream.end(Buffer.alloc(5 * 1024 * 1024, ' '));
    expectRefusal(await responseOf(stream), 413, 'M_TOO_LARGE');
  });

  describe.each([
    ['in the middle of the body', INVITE_BOB.subarray(0, 9)],
    ['at the end of the JSON, but not of the body', INVITE_BOB],
  ])('a client that cancels the request %s', (_case, sent) => {
    it.each([
      ['during login', 0],
      ['after login', 50],
    ])('causes no failure and no invite: %s', async (_time, delayMs) => {
      let reachLogin = () => {};
      const login = new Promise<void>((resolve) => {
        reachLogin = resolve;
      });
      const auth = {
        async authenticate() {
          reachLogin();
          await delay(20);
          return { requester: { userId: ALICE } };
        },
      };
      const { session, store, lines, outcomes } = await connected({ auth });
      const stream = session.request({ ...POST, ...AS_ALICE });
      stream.write(sent);
      await login;
      await delay(delayMs);
      stream.destroy();
      await expect.poll(() => outcomes).toEqual([400]);
      expect(await memberOf(store, BOB)).toBeUndefined();
      expect(lines).toEqual([]);
    });
  });

  it('Expect: 100-continue is answered by the router if the host app passes it on, and only once', async () => {
    for (const isPassedOn of [true, false]) {
      const { server, session } = await connected();
      if (isPassedOn) {
        server.on('checkContinue', (request, response) => server.emit('request', request, response));
      }
      const stream = session.request({ ...POST, ...AS_ALICE, expect: '100-continue' });
      const interim: number[] = [];
      stream.on('headers', ({ ':status': status = 0 }) => interim.push(status));
      await once(stream, 'continue');
      stream.end(INVITE_BOB);
      expectInvited(await responseOf(stream));
      expect(interim).toEqual([100]);
    }
  });

  it('several Authorization headers are rejected', async () => {
    const { port } = await connected();
    const fields: [string, string][] = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', INVITE_PATH],
      [':authority', 'x'],
      ['authorization', 'Bearer alice-token'],
      ['authorization', 'Bearer carol-token'],
    ];
    expect(JSON.parse(await bodyOverFrames(port, fields, INVITE_BOB))).toMatchObject({
      errcode: 'M_MISSING_TOKEN',
      error: expect.stringContaining('more than once'),
    });
  });
});

describe('over HTTP/2, an invite is accepted, and everything else is left to the framework', () => {
  const bytes = INVITE_BOB;
  const post = { method: 'POST', path: INVITE_PATH, headers: AS_ALICE, bytes };

  async function expectWorking(port: number, store: ReturnType<typeof setUp>['store']) {
    expectInvited(await exchangeOverHttp2(port, post));
    expect(await memberOf(store, BOB)).toBeDefined();
    expectRefusal(await exchangeOverHttp2(port, { ...post, headers: {} }), 401, 'M_MISSING_TOKEN');
    expect((await exchangeOverHttp2(port, { ...post, path: '/other' })).status).toBe(404);
  }

  it('in Koa', async () => {
    const { router, store } = setUp();
    await seedRoom(store);
    const matrix = Router().use(PREFIX, router);
    const koa = new Koa().use(
      connectMiddleware((request, response, next) => matrix(request as Request, response as Response, next)),
    );
    const server = createServer(koa.callback());
    onTestFinished(() => void server.close());
    await expectWorking(await portOf(server), store);
  });

  it('in Fastify with `http2: true`', async () => {
    const { router, store } = setUp();
    await seedRoom(store);
    const matrix = Router().use(PREFIX, router);
    const app = fastify({ http2: true });
    onTestFinished(() => app.close());
    app.addHook('onRequest', (request, reply, next) =>
      matrix(request.raw as never, reply.raw as never, next),
    );
    await app.listen({ port: 0, host: '127.0.0.1' });
    await expectWorking((app.server.address() as AddressInfo).port, store);
  });
});

/**
 * Sends one request in hand-made frames, because Node's client refuses to repeat a header. Returns the body of the
 * response.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-4.1
 */
async function bodyOverFrames(
  port: number,
  fields: readonly (readonly [string, string])[],
  body: Uint8Array,
): Promise<string> {
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  // Literals of fewer than 127 bytes that are not indexed (RFC 7541, section 6.2.2).
  const literal = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  const block = fields.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]);
  const socket = connectSocket(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(4, 0, 0, new Uint8Array()));
  socket.write(frame(1, 4, 1, Buffer.concat(block)));
  socket.write(frame(0, 1, 1, body));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      const end = 9 + received.readUIntBE(0, 3);
      if (received[3] === 0 && end > 9) return received.subarray(9, end).toString();
      received = received.subarray(end);
    }
  }
  throw new Error('The connection was closed without a response');
}

describe('matrixErrorHandler', () => {
  it('joins several values of a header of which HTTP/2 allows one', async () => {
    const handle = matrixErrorHandler();
    const error = Object.assign(new Error(), { status: 400, headers: { Age: ['1', '2'] } });
    const server = createHttp2Server((request, response) => handle(error, request, response, () => {}));
    onTestFinished(() => {
      server.close();
    });
    const response = await exchangeOverHttp2(await portOf(server), {
      method: 'GET',
      path: '/_matrix/x',
      headers: {},
    });
    expect(response).toMatchObject({ status: 400, body: { errcode: 'M_UNKNOWN' }, headers: { age: '1, 2' } });
  });
});
