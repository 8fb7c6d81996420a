import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RawClient } from './raw-client.ts';
import {
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

/** A whole request; the length counts the body's bytes. */
function whole(body: string, path = INVITE_PATH): string {
  return head([AS_ALICE, `Content-Length: ${Buffer.byteLength(body)}`], path) + body;
}

function chunk(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n')]);
}

/** A room of Alice's on a server that listens, and a client. */
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
  it('in the body is refused', async () => {
    const { client } = await connected();
    const body = Buffer.from(`{"user_id":"${BOB}","reason":"\xc3\x28"}`, 'latin1');
    client.write(head([AS_ALICE, `Content-Length: ${body.length}`]), body);
    expectRefusal(await client.answer(), 400, 'M_NOT_JSON');
  });

  it('in the path is refused by Node itself', async () => {
    const { client, outcomes, port } = await connected();
    const path = `${PREFIX}/rooms/!\xff\xfe:example.org/invite`;
    client.write(Buffer.from(whole(INVITE_BOB, path), 'latin1'));
    expect(await client.answer()).toMatchObject({ status: 400, text: '' });
    await client.closed();
    expect(outcomes).toEqual([]);
    expectInvited(await sendTo(port));
  });
});

describe('a body in pieces', () => {
  it.each([1, 2, 3])(
    'that are cut inside a character, after %i bytes of it, is put together',
    async (cut) => {
      const { client, store } = await connected();
      const bytes = Buffer.from(JSON.stringify({ user_id: BOB, reason: 'a😀b' }));
      const at = bytes.indexOf('😀') + cut;
      client.write(head([AS_ALICE, CHUNKED]), chunk(bytes.subarray(0, at)));
      await delay(20);
      client.write(chunk(bytes.subarray(at)), '0\r\n\r\n');
      expectInvited(await client.answer());
      expect((await memberOf(store, BOB))?.content.reason).toBe('a😀b');
    },
  );

  it('of one byte each, the head too, is put together', async () => {
    const { client } = await connected();
    for (const byte of Buffer.from(whole(INVITE_BOB))) client.write(Uint8Array.of(byte));
    expectInvited(await client.answer());
  });

  it('that ends in the middle of a character is refused', async () => {
    const { client } = await connected();
    const body = Buffer.from(`{"user_id":"${BOB}","reason":"é`).subarray(0, -1);
    client.write(head([AS_ALICE, CHUNKED]), chunk(body), '0\r\n\r\n');
    expectRefusal(await client.answer(), 400, 'M_NOT_JSON');
  });

  it('without a length is held to the limit', async () => {
    const { client, store } = await connected({ bodyLimitBytes: 100 });
    client.write(head([AS_ALICE, CHUNKED]), chunk(INVITE_BOB), chunk(' '.repeat(100)), '0\r\n\r\n');
    expectRefusal(await client.answer(), 413, 'M_TOO_LARGE');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });
});

describe('no body', () => {
  it.each([
    ['without a length', []],
    ['with the length 0', ['Content-Length: 0']],
  ])('%s is no JSON', async (_case, fields) => {
    const { client } = await connected();
    client.write(head([AS_ALICE, ...fields]));
    expectRefusal(await client.answer(), 400, 'M_NOT_JSON');
  });

  it('of chunks is no JSON', async () => {
    const { client } = await connected();
    client.write(head([AS_ALICE, CHUNKED]), '0\r\n\r\n');
    expectRefusal(await client.answer(), 400, 'M_NOT_JSON');
  });
});

describe('a body that never ends', () => {
  it.each([
    ['and stops', ['Content-Length: 1000'], INVITE_BOB],
    ['of chunks, and stops', [CHUNKED], chunk(INVITE_BOB)],
    ['and does not begin', ['Content-Length: 1000'], ''],
    ['of gzip, and stops', ['Content-Encoding: gzip', 'Content-Length: 1000'], Buffer.from([0x1f, 0x8b])],
    ['and is larger than allowed', ['Content-Length: 1000000'], INVITE_BOB],
  ])('%s: 408, and the connection is closed', async (_case, fields, begun) => {
    const { client, store, lines, outcomes } = await connected({ bodyTimeoutMs: 60 });
    const start = performance.now();
    client.write(head([AS_ALICE, ...fields]), begun);
    const answer = await client.answer();
    expect(performance.now() - start).toBeGreaterThan(50);
    expectRefusal(answer, 408, 'M_UNKNOWN');
    expect(answer.headers.connection).toBe('close');
    await client.closed();
    expect(await memberOf(store, BOB)).toBeUndefined();
    expect(lines).toEqual([]);
    expect(outcomes).toEqual([408]);
  });

  it('but drips on does not gain time by that', async () => {
    const { client } = await connected({ bodyTimeoutMs: 100 });
    client.write(head([AS_ALICE, CHUNKED]));
    const drip = setInterval(() => client.write(chunk(' ')), 10);
    expectRefusal(await client.answer(), 408, 'M_UNKNOWN');
    await client.closed();
    clearInterval(drip);
  });

  it('is not waited for when nobody is logged in', async () => {
    const { client } = await connected();
    client.write(head(['Content-Length: 1000']));
    expectRefusal(await client.answer(), 401, 'M_MISSING_TOKEN');
  });

  it('is timed no longer once it is there, however long the rest takes', async () => {
    const slow = { name: 'slow', decide: () => delay(120, undefined) };
    const { client } = await connected({ bodyTimeoutMs: 60, policies: [slow] });
    client.write(whole(INVITE_BOB));
    const answer = await client.answer();
    expectInvited(answer);
    expect(answer.headers.connection).toBe('keep-alive');
    client.write(whole(INVITE_BOB));
    await client.answers(2);
  });
});

describe('a client that goes away', () => {
  it.each([
    ['in the middle of the body', ['Content-Length: 1000'], '{"user_id"'],
    ['in the middle of chunks', [CHUNKED], '5\r\n{"us'],
    ['before the body', ['Content-Length: 1000'], ''],
    ['in the middle of gzip', ['Content-Encoding: gzip', 'Content-Length: 1000'], Buffer.from([0x1f, 0x8b])],
  ])('%s harms nobody', async (_case, fields, begun) => {
    const { client, store, lines, outcomes, port, router } = await connected({ bodyTimeoutMs: 100 });
    client.write(head([AS_ALICE, ...fields]), begun);
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

  it('once the invite has begun aborts nothing', async () => {
    let goOn = () => {};
    const consumed = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { client, store, lines, outcomes } = await connected({
      policies: [{ name: 'slow', decide: async () => consumed as Promise<undefined> }],
    });
    client.write(whole(INVITE_BOB));
    await delay(30);
    client.socket.destroy();
    await delay(10);
    goOn();
    await expect.poll(() => outcomes).toEqual([200]);
    expect(await memberOf(store, BOB)).toBeDefined();
    expect(lines).toEqual([]);
  });

  it('with half a connection still gets its answer', async () => {
    const { client } = await connected();
    client.socket.end(whole(INVITE_BOB));
    expectInvited(await client.answer());
  });
});

describe('several requests on one connection', () => {
  it('sent at once are answered in order', async () => {
    const { client, store } = await connected();
    client.write(
      whole(INVITE_BOB) +
        whole('no JSON') +
        whole(JSON.stringify({ user_id: CAROL })) +
        head([AS_ALICE], INVITE_PATH, 'GET') +
        whole(INVITE_BOB),
    );
    const answers = await client.answers(5);
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200, 405, 200]);
    expect(await memberOf(store, CAROL)).toBeDefined();
  });

  it.each([
    [401, head(['Content-Length: 9']), '{"a":"b"}', {}],
    [413, head([AS_ALICE, 'Content-Length: 200']), ' '.repeat(200), { bodyLimitBytes: 100 }],
    [415, head([AS_ALICE, 'Content-Encoding: x', 'Content-Length: 9']), '{"a":"b"}', {}],
    [400, head([AS_ALICE, 'Content-Encoding: gzip', 'Content-Length: 9']), '{"a":"b"}', {}],
    [405, head([AS_ALICE, 'Content-Length: 9'], INVITE_PATH, 'PUT'), '{"a":"b"}', {}],
    [204, head(['Content-Length: 9'], INVITE_PATH, 'OPTIONS'), '{"a":"b"}', {}],
  ])('go on after a %i, whose body is not taken for a request', async (status, begin, body, options) => {
    const { client } = await connected(options);
    client.write(begin);
    await delay(10);
    client.write(body, whole(INVITE_BOB));
    const answers = await client.answers(2);
    expect(answers.map((answer) => answer.status)).toEqual([status, 200]);
  });
});

describe('headers', () => {
  it('that ask before they send the body are told to go on', async () => {
    const { client } = await connected();
    client.write(head([AS_ALICE, 'Expect: 100-continue', `Content-Length: ${INVITE_BOB.length}`]));
    expect((await client.answer()).status).toBe(100);
    client.write(INVITE_BOB);
    const [, answer] = await client.answers(2);
    expect(answer?.status).toBe(200);
  });

  it('that name two content types do not matter', async () => {
    const { client } = await connected();
    const fields = ['Content-Type: text/html', 'Content-Type: a', `Content-Length: ${INVITE_BOB.length}`];
    client.write(head([AS_ALICE, ...fields]), INVITE_BOB);
    expectInvited(await client.answer());
  });

  it('that name two encodings are refused', async () => {
    const { client } = await connected();
    const fields = [
      'Content-Encoding: gzip',
      'Content-Encoding: gzip',
      `Content-Length: ${INVITE_BOB.length}`,
    ];
    client.write(head([AS_ALICE, ...fields]), INVITE_BOB);
    expectRefusal(await client.answer(), 415, 'M_NOT_JSON');
  });

  it.each([
    ['two lengths', ['Content-Length: 1', 'Content-Length: 2'], 400],
    ['a length and chunks', ['Content-Length: 5', CHUNKED], 400],
    ['more than Node takes', [`X-Large: ${'x'.repeat(20_000)}`], 431],
  ])('that Node itself refuses reach nobody: %s', async (_case, fields, status) => {
    const { client, store, outcomes, port } = await connected();
    client.write(head([AS_ALICE, ...fields]), '0\r\n\r\n');
    expect((await client.answer()).status).toBe(status);
    await client.closed();
    expect(outcomes).toEqual([]);
    expect(await memberOf(store, BOB)).toBeUndefined();
    expectInvited(await sendTo(port));
  });

  it('of HTTP/1.0 do', async () => {
    const { client } = await connected();
    client.write(whole(INVITE_BOB).replace('HTTP/1.1', 'HTTP/1.0'));
    expectInvited(await client.answer());
    await client.closed();
  });
});

describe('a body that came along with its head', () => {
  it('leaves the host the `end` and `close` of the request, by which hosts clean up', async () => {
    const seen: string[] = [];
    const host = setUp({}, (app) =>
      app.use((request, _response, next) => {
        for (const name of ['end', 'close']) request.on(name, () => seen.push(name));
        next();
      }),
    );
    await seedRoom(host.store);
    const client = await RawClient.connect(portOf(await listening(host.app)));
    client.write(whole(INVITE_BOB));
    await delay(100);
    expect(seen).toEqual(['end', 'close']);
  });
});
