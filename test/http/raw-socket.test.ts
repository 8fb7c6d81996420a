import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { RawClient } from './raw-client.ts';
import {
  ALICE,
  BOB,
  CAROL,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  listening,
  memberOf,
  PREFIX,
  portOf,
  recordingLogger,
  seedRoom,
  sendTo,
  setUp,
} from './support.ts';

const AS_ALICE = 'Authorization: Bearer alice-token';
const INVITE_BOB = JSON.stringify({ user_id: BOB });
const CHUNKED = 'Transfer-Encoding: chunked';

function head(fields: readonly string[], path = INVITE_PATH, method = 'POST'): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n');
}

/** Returns a complete request, with the length of the body in bytes. */
function fullRequest(body: string, path = INVITE_PATH): string {
  return head([AS_ALICE, `Content-Length: ${Buffer.byteLength(body)}`], path) + body;
}

function chunk(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n')]);
}

/** Starts a server with a room of Alice's and connects a client to it. */
async function connected(options: Parameters<typeof setUp>[0] = {}) {
  const { logger, lines } = recordingLogger();
  const outcomes: number[] = [];
  const host = setUp({ logger, onOutcome: ({ status }) => outcomes.push(status), ...options });
  await seedRoom(host.store);
  const server = await listening(host.app);
  const port = portOf(server);
  return { ...host, server, port, client: await RawClient.connect(port), lines, outcomes };
}

describe('broken UTF-8', () => {
  it('in the body is rejected', async () => {
    const { client } = await connected();
    const body = Buffer.from(`{"user_id":"${BOB}","reason":"\xc3\x28"}`, 'latin1');
    client.write(head([AS_ALICE, `Content-Length: ${body.length}`]), body);
    expectRefusal(await client.response(), 400, 'M_NOT_JSON');
  });

  it('in the path is rejected by Node itself', async () => {
    const { client, outcomes, port } = await connected();
    const path = `${PREFIX}/rooms/!\xff\xfe:example.org/invite`;
    client.write(Buffer.from(fullRequest(INVITE_BOB, path), 'latin1'));
    expect(await client.response()).toMatchObject({ status: 400, text: '' });
    await client.closed();
    expect(outcomes).toEqual([]);
    expectInvited(await sendTo(port));
  });
});

describe('a body in pieces', () => {
  it.each([1, 2, 3])('is reassembled if a character is split after %i bytes', async (cut) => {
    const { client, store } = await connected();
    const bytes = Buffer.from(JSON.stringify({ user_id: BOB, reason: 'a😀b' }));
    const at = bytes.indexOf('😀') + cut;
    client.write(head([AS_ALICE, CHUNKED]), chunk(bytes.subarray(0, at)));
    await delay(20);
    client.write(chunk(bytes.subarray(at)), '0\r\n\r\n');
    expectInvited(await client.response());
    expect((await memberOf(store, BOB))?.content.reason).toBe('a😀b');
  });

  it('is reassembled from single bytes, as are the headers', async () => {
    const { client } = await connected();
    for (const byte of Buffer.from(fullRequest(INVITE_BOB))) client.write(Uint8Array.of(byte));
    expectInvited(await client.response());
  });

  it('is rejected if it ends in the middle of a character', async () => {
    const { client } = await connected();
    const body = Buffer.from(`{"user_id":"${BOB}","reason":"é`).subarray(0, -1);
    client.write(head([AS_ALICE, CHUNKED]), chunk(body), '0\r\n\r\n');
    expectRefusal(await client.response(), 400, 'M_NOT_JSON');
  });

  it('is subject to the size limit even without a length', async () => {
    const { client, store } = await connected({ bodyLimitBytes: 100 });
    client.write(head([AS_ALICE, CHUNKED]), chunk(INVITE_BOB), chunk(' '.repeat(100)), '0\r\n\r\n');
    expectRefusal(await client.response(), 413, 'M_TOO_LARGE');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });
});

describe('no body', () => {
  it.each([
    ['without a length', []],
    ['with a length of 0', ['Content-Length: 0']],
  ])('%s is rejected as not JSON', async (_case, fields) => {
    const { client } = await connected();
    client.write(head([AS_ALICE, ...fields]));
    expectRefusal(await client.response(), 400, 'M_NOT_JSON');
  });

  it('in chunked encoding is rejected as not JSON', async () => {
    const { client } = await connected();
    client.write(head([AS_ALICE, CHUNKED]), '0\r\n\r\n');
    expectRefusal(await client.response(), 400, 'M_NOT_JSON');
  });
});

describe('a body that never ends', () => {
  it.each([
    ['it stops', ['Content-Length: 1000'], INVITE_BOB],
    ['it is chunked and stops', [CHUNKED], chunk(INVITE_BOB)],
    ['it does not start', ['Content-Length: 1000'], ''],
    ['it is gzip and stops', ['Content-Encoding: gzip', 'Content-Length: 1000'], Buffer.from([0x1f, 0x8b])],
  ])('leads to a 408 and a closed connection if %s', async (_case, fields, firstBytes) => {
    const { client, store, lines, outcomes } = await connected({ bodyTimeoutMs: 60 });
    const start = performance.now();
    client.write(head([AS_ALICE, ...fields]), firstBytes);
    const response = await client.response();
    expect(performance.now() - start).toBeGreaterThan(50);
    expectRefusal(response, 408, 'M_UNKNOWN');
    expect(response.headers.connection).toBe('close');
    await client.closed();
    expect(await memberOf(store, BOB)).toBeUndefined();
    expect(lines).toEqual([]);
    expect(outcomes).toEqual([408]);
  });

  it('gains no time by sending a few bytes at a time', async () => {
    const { client } = await connected({ bodyTimeoutMs: 100 });
    client.write(head([AS_ALICE, CHUNKED]));
    const drip = setInterval(() => client.write(chunk(' ')), 10);
    expectRefusal(await client.response(), 408, 'M_UNKNOWN');
    await client.closed();
    clearInterval(drip);
  });

  it('is not waited for if the request is not authenticated', async () => {
    const { client } = await connected();
    client.write(head(['Content-Length: 1000']));
    expectRefusal(await client.response(), 401, 'M_MISSING_TOKEN');
  });

  it('is no longer timed once it has arrived, however long the rest takes', async () => {
    const slow = { name: 'slow', decide: () => delay(120, undefined) };
    const { client } = await connected({ bodyTimeoutMs: 60, policies: [slow] });
    client.write(fullRequest(INVITE_BOB));
    const response = await client.response();
    expectInvited(response);
    expect(response.headers.connection).toBe('keep-alive');
    client.write(fullRequest(INVITE_BOB));
    await client.responses(2);
  });
});

describe('a body that is too large', () => {
  const TOO_LARGE = 'Content-Length: 1000000000';

  it.each<[string, readonly string[], Uint8Array | string]>([
    ['by its length, with nothing sent yet', [TOO_LARGE], ''],
    ['by its length, although compressed', ['Content-Encoding: gzip', TOO_LARGE], Buffer.from([0x1f, 0x8b])],
    ['by what has arrived', [CHUNKED], chunk(' '.repeat(101))],
    [
      'by what has arrived, in several chunks',
      [CHUNKED],
      Buffer.concat([chunk(' '.repeat(60)), chunk(' '.repeat(60))]),
    ],
    ['decompressed', ['Content-Encoding: gzip', CHUNKED], chunk(gzipSync(' '.repeat(1000)).subarray(0, -1))],
    ['compressed, without containing anything', ['Content-Encoding: gzip', CHUNKED], chunk(emptyGzip(101))],
  ])('is rejected at once: %s', async (_case, fields, firstBytes) => {
    const { client, store, outcomes } = await connected({ bodyLimitBytes: 100 });
    client.write(head([AS_ALICE, ...fields]), firstBytes);
    expectRefusal(await client.response(), 413, 'M_TOO_LARGE');
    expect(outcomes).toEqual([413]);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it.each<[number, readonly string[], string]>([
    [413, [AS_ALICE, TOO_LARGE], 'POST'],
    [401, [TOO_LARGE], 'POST'],
    [415, [AS_ALICE, 'Content-Encoding: x', 'Content-Length: 1000'], 'POST'],
    [405, [AS_ALICE, TOO_LARGE], 'PUT'],
  ])('is not read for ever after a %i', async (status, fields, method) => {
    const { client } = await connected({ bodyTimeoutMs: 100 });
    client.write(head(fields, INVITE_PATH, method));
    expect((await client.response()).status).toBe(status);
    const drip = setInterval(() => client.write(' '), 10);
    await client.closed();
    clearInterval(drip);
  });

  it('is rejected so that a client can read the response that sends everything first', async () => {
    const { client } = await connected({ bodyTimeoutMs: 5_000 });
    const piece = Buffer.alloc(1024 * 1024, ' ');
    client.write(head([AS_ALICE, `Content-Length: ${40 * piece.length}`]));
    for (let count = 0; count < 40; count += 1) {
      await new Promise((resolve) => client.socket.write(piece, resolve));
    }
    client.write(fullRequest(INVITE_BOB));
    const [refused, invited] = await client.responses(2);
    expect([refused?.status, invited?.status]).toEqual([413, 200]);
  });
});

describe('the rest of a body', () => {
  it.each([
    [
      200,
      'POST',
      [AS_ALICE, 'Content-Encoding: gzip', CHUNKED],
      [chunk(Buffer.concat([gzipSync(INVITE_BOB), Buffer.from([0])]))],
    ],
    [204, 'OPTIONS', [CHUNKED], [chunk('a')]],
  ])(
    'is limited in time after a %i',
    async (status, method, fields, bytes) => {
      const { client, server } = await connected({ bodyTimeoutMs: 100 });
      // Otherwise Node closes the connection after 5 seconds.
      Object.assign(server, { keepAliveTimeout: 0 });
      client.write(head(fields, INVITE_PATH, method), ...bytes);
      expect((await client.response()).status).toBe(status);
      client.write(chunk('more'));
      await client.closed();
    },
    // The default limit is 10 seconds.
    8_000,
  );
});

describe('Expect: 100-continue', () => {
  const EXPECT = 'Expect: 100-continue';

  /** Starts a host app that leaves it to the router whether to ask for a body. */
  async function connectedToRouter() {
    const host = await connected();
    host.server.on('checkContinue', (request, response) => host.server.emit('request', request, response));
    return host;
  }

  it('is answered by the router if the host app passes it on, once the request is authenticated', async () => {
    const { client } = await connectedToRouter();
    client.write(head([AS_ALICE, EXPECT, `Content-Length: ${INVITE_BOB.length}`]));
    expect((await client.response()).status).toBe(100);
    client.write(INVITE_BOB);
    const responses = await client.responses(2);
    expect(responses.map(({ status }) => status)).toEqual([100, 200]);
  });

  it.each([
    [401, [EXPECT, 'Content-Length: 10']],
    [413, [AS_ALICE, EXPECT, 'Content-Length: 1000000']],
    [415, [AS_ALICE, EXPECT, 'Content-Encoding: x', 'Content-Length: 10']],
  ])(
    'is not answered with a 100 if the host app passes it on and the response is a %i',
    async (status, fields) => {
      const { client } = await connectedToRouter();
      client.write(head(fields));
      const response = await client.response();
      expect([response.status, response.headers.connection]).toEqual([status, 'close']);
      await client.closed();
    },
  );

  it('is not answered with a 100 in the body of a response that the host app has begun', async () => {
    let begin = () => {};
    const { app, router } = setUp(
      {
        auth: {
          async authenticate() {
            begin();
            return { requester: { userId: ALICE } };
          },
        },
      },
      (host) =>
        host.use((_request, response, next) => {
          begin = () => {
            response.writeHead(503, { 'Content-Length': '6' });
            response.write('abc');
            setImmediate(() => setImmediate(() => response.end('def')));
          };
          next();
        }),
    );
    const server = await listening(app);
    server.on('checkContinue', (request, response) => server.emit('request', request, response));
    const client = await RawClient.connect(portOf(server));
    client.write(head([AS_ALICE, EXPECT, `Content-Length: ${INVITE_BOB.length}`]));
    const response = await client.response();
    expect([response.status, response.text]).toEqual([503, 'abcdef']);
    await router.close();
  });

  it('is answered once if the host app or Node has already done so', async () => {
    const host = await connected();
    host.server.on('checkContinue', (request, response) => {
      response.writeContinue();
      host.server.emit('request', request, response);
    });
    host.client.write(head([AS_ALICE, EXPECT, `Content-Length: ${INVITE_BOB.length}`]));
    expect((await host.client.response()).status).toBe(100);
    host.client.write(INVITE_BOB);
    const responses = await host.client.responses(2);
    expect(responses.map(({ status }) => status)).toEqual([100, 200]);
  });
});

describe('a client that disconnects', () => {
  it.each([
    ['in the middle of the body', ['Content-Length: 1000'], '{"user_id"'],
    ['in the middle of chunks', [CHUNKED], '5\r\n{"us'],
    ['before the body', ['Content-Length: 1000'], ''],
    ['in the middle of gzip', ['Content-Encoding: gzip', 'Content-Length: 1000'], Buffer.from([0x1f, 0x8b])],
  ])('%s causes no failure', async (_case, fields, firstBytes) => {
    const { client, store, lines, outcomes, port, router } = await connected({ bodyTimeoutMs: 100 });
    client.write(head([AS_ALICE, ...fields]), firstBytes);
    await delay(20);
    client.socket.destroy();
    await expect.poll(() => outcomes.length).toBe(1);
    expect(outcomes[0]).toBeGreaterThanOrEqual(400);
    expect(outcomes[0]).toBeLessThan(500);
    expect(lines).toEqual([]);
    expect(await memberOf(store, BOB)).toBeUndefined();
    expectInvited(await sendTo(port));
    await router.close();
  });

  it('after the invite has started does not abort it', async () => {
    let release = () => {};
    const consumed = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { client, store, lines, outcomes } = await connected({
      policies: [{ name: 'slow', decide: async () => consumed as Promise<undefined> }],
    });
    client.write(fullRequest(INVITE_BOB));
    await delay(30);
    client.socket.destroy();
    await delay(10);
    release();
    await expect.poll(() => outcomes).toEqual([200]);
    expect(await memberOf(store, BOB)).toBeDefined();
    expect(lines).toEqual([]);
  });

  it('after closing only its sending side still gets its response', async () => {
    const { client } = await connected();
    client.socket.end(fullRequest(INVITE_BOB));
    expectInvited(await client.response());
  });
});

describe('several requests on one connection', () => {
  it('sent together get their responses in order', async () => {
    const { client, store } = await connected();
    client.write(
      fullRequest(INVITE_BOB) +
        fullRequest('no JSON') +
        fullRequest(JSON.stringify({ user_id: CAROL })) +
        head([AS_ALICE], INVITE_PATH, 'GET') +
        fullRequest(INVITE_BOB),
    );
    const responses = await client.responses(5);
    expect(responses.map(({ status }) => status)).toEqual([200, 400, 200, 405, 200]);
    expect(await memberOf(store, CAROL)).toBeDefined();
  });

  it.each([
    [401, head(['Content-Length: 9']), '{"a":"b"}', {}],
    [413, head([AS_ALICE, 'Content-Length: 200']), ' '.repeat(200), { bodyLimitBytes: 100 }],
    [415, head([AS_ALICE, 'Content-Encoding: x', 'Content-Length: 9']), '{"a":"b"}', {}],
    [400, head([AS_ALICE, 'Content-Encoding: gzip', 'Content-Length: 9']), '{"a":"b"}', {}],
    [405, head([AS_ALICE, 'Content-Length: 9'], INVITE_PATH, 'PUT'), '{"a":"b"}', {}],
    [204, head(['Content-Length: 9'], INVITE_PATH, 'OPTIONS'), '{"a":"b"}', {}],
  ])(
    'continue after a %i, whose body is not mistaken for a request',
    async (status, begin, body, options) => {
      const { client } = await connected(options);
      client.write(begin);
      await delay(10);
      client.write(body, fullRequest(INVITE_BOB));
      const responses = await client.responses(2);
      expect(responses.map((response) => response.status)).toEqual([status, 200]);
    },
  );
});

describe('headers', () => {
  it('with Expect: 100-continue get a 100 before the body is sent', async () => {
    const { client } = await connected();
    client.write(head([AS_ALICE, 'Expect: 100-continue', `Content-Length: ${INVITE_BOB.length}`]));
    expect((await client.response()).status).toBe(100);
    client.write(INVITE_BOB);
    const [, response] = await client.responses(2);
    expect(response?.status).toBe(200);
  });

  it('with two content types are accepted', async () => {
    const { client } = await connected();
    const fields = ['Content-Type: text/html', 'Content-Type: a', `Content-Length: ${INVITE_BOB.length}`];
    client.write(head([AS_ALICE, ...fields]), INVITE_BOB);
    expectInvited(await client.response());
  });

  it('with two encodings are rejected', async () => {
    const { client } = await connected();
    const fields = [
      'Content-Encoding: gzip',
      'Content-Encoding: gzip',
      `Content-Length: ${INVITE_BOB.length}`,
    ];
    client.write(head([AS_ALICE, ...fields]), INVITE_BOB);
    expectRefusal(await client.response(), 415, 'M_NOT_JSON');
  });

  it.each([
    ['two lengths', ['Content-Length: 1', 'Content-Length: 2'], 400],
    ['a length and chunked encoding', ['Content-Length: 5', CHUNKED], 400],
    ['more than Node accepts', [`X-Large: ${'x'.repeat(20_000)}`], 431],
  ])('that Node itself rejects do not reach the router: %s', async (_case, fields, status) => {
    const { client, store, outcomes, port } = await connected();
    client.write(head([AS_ALICE, ...fields]), '0\r\n\r\n');
    expect((await client.response()).status).toBe(status);
    await client.closed();
    expect(outcomes).toEqual([]);
    expect(await memberOf(store, BOB)).toBeUndefined();
    expectInvited(await sendTo(port));
  });

  it('of HTTP/1.0 are accepted', async () => {
    const { client } = await connected();
    client.write(fullRequest(INVITE_BOB).replace('HTTP/1.1', 'HTTP/1.0'));
    expectInvited(await client.response());
    await client.closed();
  });
});

describe('a body that arrives with its headers', () => {
  it('still leads to the `end` and `close` events of the request, which host apps use to clean up', async () => {
    const seen: string[] = [];
    const host = setUp({}, (app) =>
      app.use((request, _response, next) => {
        for (const name of ['end', 'close']) request.on(name, () => seen.push(name));
        next();
      }),
    );
    await seedRoom(host.store);
    const client = await RawClient.connect(portOf(await listening(host.app)));
    client.write(fullRequest(INVITE_BOB));
    await delay(100);
    expect(seen).toEqual(['end', 'close']);
  });
});

/** Returns the beginning of gzip data of this length that decompresses to nothing: empty blocks that are not the last. */
function emptyGzip(length: number): Buffer {
  const header = gzipSync('').subarray(0, 10);
  const block = [0x00, 0x00, 0x00, 0xff, 0xff];
  return Buffer.concat([header, Buffer.from(Array.from({ length }, (_, at) => block[at % 5] ?? 0))]);
}
