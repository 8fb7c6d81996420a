import zlib, { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  ALICE,
  AS_ALICE,
  BOB,
  CAROL,
  expectInvited,
  expectRefusal,
  invitesOf,
  limits,
  memberOf,
  ROOM,
  seedRoom,
  send,
  setUp,
} from './support.ts';

const INVITE_BOB = JSON.stringify({ user_id: BOB });
const encoded = (encoding: string) => ({ ...AS_ALICE, 'content-encoding': encoding });

async function appWithRoom(options: Parameters<typeof setUp>[0] = {}) {
  const host = setUp(options);
  await seedRoom(host.store);
  return host;
}

/** Sends an invite to a new room. Returns the response and the content of Bob's member event. */
async function sendToRoom(body: unknown, headers: object = {}) {
  const { app, store } = await appWithRoom();
  const before = await store.timeline(ROOM);
  const response = await send(app, { body, headers: { ...AS_ALICE, ...headers } });
  if (response.status !== 200) expect(await store.timeline(ROOM)).toEqual(before);
  return { response, content: (await memberOf(store, BOB))?.content };
}

describe('the Content-Type', () => {
  it.each([
    undefined,
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
    'APPLICATION/JSON',
    'text/plain',
    'text/plain;charset=UTF-8',
    'text/html; charset=iso-8859-1',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    '',
    'no type at all;;=',
  ])('is ignored: %j', async (contentType) => {
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    const { response, content } = await sendToRoom({ user_id: BOB, reason: 'é😀' }, headers);
    expectInvited(response);
    expect(content).toEqual({ membership: 'invite', reason: 'é😀' });
  });
});

describe('a body that is not JSON', () => {
  it.each([
    ['an empty body', ''],
    ['whitespace', ' \r\n\t '],
    ['only a byte order mark', '\uFEFF'],
    ['a word', 'hello'],
    ['a form', 'user_id=%40bob%3Aexample.org'],
    ['half an object', '{"user_id":"@bob:example.org"'],
    ['a trailing comma', `{"user_id":"${BOB}",}`],
    ['single quotes', `{'user_id':'${BOB}'}`],
    ['a comment', `${INVITE_BOB}// hello`],
    ['two objects', INVITE_BOB + INVITE_BOB],
    ['NaN', 'NaN'],
    ['a raw NUL in a string', `{"user_id":"${BOB}","reason":"\0"}`],
    ['a byte that is not UTF-8', bytesInReason(0xff)],
    ['a truncated character', bytesInReason(0xc3)],
    ['an overlong encoding', bytesInReason(0xc0, 0xaf)],
    ['an encoded surrogate', bytesInReason(0xed, 0xa0, 0x80)],
    ['UTF-16', Buffer.from(INVITE_BOB, 'utf16le')],
    ['unclosed deep nesting', '['.repeat(200_000)],
  ])('is rejected: %s', async (_case, body) => {
    const { response } = await sendToRoom(body, { 'content-type': 'application/json' });
    expectRefusal(response, 400, 'M_NOT_JSON');
  });

  it('is not quoted in the response', async () => {
    expect((await sendToRoom('hunter2')).response.text).not.toContain('hunter2');
  });
});

describe('JSON that is not an invite', () => {
  it.each([
    ['null', 'null'],
    ['a number', '1'],
    ['a string', JSON.stringify(BOB)],
    ['true', 'true'],
    ['an array', '[]'],
    ['an array with an invite', `[${INVITE_BOB}]`],
    ['an empty object', '{}'],
    ['another field', '{"userId":"@bob:example.org"}'],
    ['user_id in capitals', '{"USER_ID":"@bob:example.org"}'],
    ['null as user_id', '{"user_id":null}'],
    ['a number as user_id', '{"user_id":1}'],
    ['an array as user_id', `{"user_id":["${BOB}"]}`],
    ['an object as user_id', '{"user_id":{}}'],
    ['null as reason', `{"user_id":"${BOB}","reason":null}`],
    ['a number as reason', `{"user_id":"${BOB}","reason":1}`],
    ['an array as reason', `{"user_id":"${BOB}","reason":["x"]}`],
    [
      'a deeply nested array as reason',
      `{"user_id":"${BOB}","reason":${'['.repeat(90_000)}${']'.repeat(90_000)}}`,
    ],
    ['an invalid user_id and a reason that is not a string', '{"user_id":"bob","reason":1}'],
    ['a lone surrogate in the reason', `{"user_id":"${BOB}","reason":"\\ud800"}`],
    ['surrogates in the wrong order', `{"user_id":"${BOB}","reason":"\\ude00\\ud83d"}`],
    ['a lone surrogate in the user_id', '{"user_id":"@b\\udc00b:example.org"}'],
    ['user_id in the prototype', `{"__proto__":${INVITE_BOB}}`],
    ['user_id in the constructor', `{"constructor":{"prototype":${INVITE_BOB}}}`],
    ['an incomplete third-party invite', '{"medium":"email"}'],
    ['third-party fields of the wrong types', '{"medium":1,"address":2}'],
    ['a third-party invite with a null user_id', `{"medium":"email","address":"a@b","user_id":null}`],
  ])('is rejected: %s', async (_case, body) => {
    expectRefusal((await sendToRoom(body)).response, 400, 'M_BAD_JSON');
  });

  it.each([
    '',
    'bob',
    '@bob',
    '@bob:',
    'bob:example.org',
    '#bob:example.org',
    ' @bob:example.org',
    '@bob:exa mple.org',
    '@b\0b:example.org',
    `@${'b'.repeat(243)}:example.org`,
    `@${'é'.repeat(122)}:example.org`,
  ])('is rejected for the user_id %j', async (user_id) => {
    expectRefusal((await sendToRoom({ user_id })).response, 400, 'M_INVALID_PARAM');
  });

  it.each([
    ['', { id_server: 'id.example.org', id_access_token: 'abc' }],
    [' without an identity server', {}],
    [' with other fields', { reason: 'x', more: 1 }],
  ])('is denied if it is a third-party invite%s', async (_case, more) => {
    const body = { medium: 'email', address: 'bob@example.org', ...more };
    expectRefusal((await sendToRoom(body)).response, 403, 'M_THREEPID_DENIED');
  });
});

describe('an unusual invite', () => {
  it.each([
    ['after a byte order mark', `\uFEFF${INVITE_BOB}`, {}],
    ['surrounded by whitespace', `\n\t ${INVITE_BOB}\r\n`, {}],
    ['with an empty reason', `{"user_id":"${BOB}","reason":""}`, { reason: '' }],
    ['with NUL in the reason', `{"user_id":"${BOB}","reason":"a\\u0000b"}`, { reason: 'a\0b' }],
    ['with escaped characters', `{"user_id":"${BOB}","reason":"\\ud83d\\ude00"}`, { reason: '😀' }],
    ['with U+FFFE and U+FFFF', `{"user_id":"${BOB}","reason":"\\uFFFE\\uFFFF"}`, { reason: '\uFFFE\uFFFF' }],
    ['with an escaped key', `{"user\\u005fid":"${BOB}"}`, {}],
    ['with user_id twice: the last one counts', `{"user_id":"${CAROL}","user_id":"${BOB}"}`, {}],
    ['with reason twice', `{"user_id":"${BOB}","reason":1,"reason":"b"}`, { reason: 'b' }],
    ['with __proto__', `{"user_id":"${BOB}","__proto__":{"reason":"x","polluted":1}}`, {}],
    ['with a lone surrogate in another field', `{"user_id":"${BOB}","x":"\\ud800","\\udc00":1}`, {}],
    ['with an overflowing number in another field', `{"user_id":"${BOB}","x":1e999}`, {}],
    [
      'with deep nesting in another field',
      `{"user_id":"${BOB}","x":${'['.repeat(1e5)}${']'.repeat(1e5)}}`,
      {},
    ],
    ['with third-party fields too', `{"medium":"email","address":"a@b","user_id":"${BOB}"}`, {}],
  ])('is accepted %s', async (_case, body, more) => {
    const { response, content } = await sendToRoom(body);
    expectInvited(response);
    expect(content).toEqual({ membership: 'invite', ...more });
    expect(Object.prototype).not.toHaveProperty('polluted');
  });

  it.each([
    '@:example.org',
    '@Bob Ünicode/!#:example.org',
    `@${'b'.repeat(242)}:example.org`,
    '@__proto__:example.org',
  ])('is accepted for the historical user ID %s', async (user_id) => {
    const { app, store } = await appWithRoom();
    expectInvited(await send(app, { body: { user_id } }));
    expect((await memberOf(store, user_id))?.content).toEqual({ membership: 'invite' });
  });
});

describe('compression', () => {
  const broken = (bytes: Buffer) => bytes.with(bytes.length >> 1, (bytes.at(bytes.length >> 1) ?? 0) ^ 0xff);

  it.each([
    ['gzip', gzipSync(INVITE_BOB)],
    ['GZIP', gzipSync(INVITE_BOB)],
    ['x-gzip', gzipSync(INVITE_BOB)],
    ['br', brotliCompressSync(INVITE_BOB)],
    ['deflate', deflateSync(INVITE_BOB)],
    ['identity', Buffer.from(INVITE_BOB)],
  ])('%s is decoded', async (encoding, body) => {
    const { response, content } = await sendToRoom(body, encoded(encoding));
    expectInvited(response);
    expect(content).toEqual({ membership: 'invite' });
  });

  it.each([
    ['gzip', Buffer.from(INVITE_BOB)],
    ['gzip', broken(gzipSync(INVITE_BOB))],
    ['gzip', gzipSync(INVITE_BOB).subarray(0, -9)],
    ['gzip', ''],
    ['deflate', gzipSync(INVITE_BOB)],
    ['deflate', deflateSync(INVITE_BOB).subarray(0, -5)],
    ['br', Buffer.from(INVITE_BOB)],
    ['br', Buffer.alloc(9, 0xff)],
    ['br', brotliCompressSync(INVITE_BOB).subarray(0, -3)],
  ])('broken %s is rejected (%#)', async (encoding, body) => {
    expectRefusal((await sendToRoom(body, encoded(encoding))).response, 400, 'M_NOT_JSON');
  });

  it.each(['compress', 'x-compress', 'x', 'gzip, gzip', 'gzip,identity', '__proto__', 'utf-8'])(
    '%s is not supported',
    async (encoding) => {
      const { response } = await sendToRoom(INVITE_BOB, encoded(encoding));
      expectRefusal(response, 415, 'M_NOT_JSON');
      expect(response.headers['accept-encoding']).toMatch(/^gzip, deflate, br/);
    },
  );

  it('zstd is decoded if Node can', async () => {
    const { zstdCompressSync } = zlib as { zstdCompressSync?: (content: string) => Buffer };
    const body = zstdCompressSync?.(INVITE_BOB) ?? INVITE_BOB;
    const { response } = await sendToRoom(body, encoded('zstd'));
    if (zstdCompressSync === undefined) expectRefusal(response, 415, 'M_NOT_JSON');
    else expectInvited(response);
  });

  it('a decompression bomb is not inflated', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '), { level: 1 });
    const { app } = await appWithRoom();
    const before = process.memoryUsage().rss;
    expectRefusal(await send(app, { body: bomb, headers: encoded('gzip') }), 413, 'M_TOO_LARGE');
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });
});

describe('the size limit of a body', () => {
  const padded = (length: number) => INVITE_BOB.padEnd(length);

  it.each([
    ['a plain body', (body: string) => body, AS_ALICE],
    ['a decompressed body', (body: string) => gzipSync(body), encoded('gzip')],
  ])('counts the bytes of %s', async (_case, encode, headers) => {
    const { app, store } = await appWithRoom({ bodyLimitBytes: 100 });
    expectRefusal(await send(app, { headers, body: encode(padded(101)) }), 413, 'M_TOO_LARGE');
    expect(await memberOf(store, BOB)).toBeUndefined();
    expectInvited(await send(app, { headers, body: encode(padded(100)) }));
  });

  it('counts bytes, not characters', async () => {
    const { app } = await appWithRoom({ bodyLimitBytes: 100 });
    const body = JSON.stringify({ user_id: BOB, reason: 'é'.repeat(30) });
    expect(body.length).toBeLessThan(100);
    expectRefusal(await send(app, { body }), 413, 'M_TOO_LARGE');
  });

  it('is 400 KiB by default', async () => {
    const { app } = await appWithRoom();
    expectRefusal(await send(app, { body: padded(409_601) }), 413, 'M_TOO_LARGE');
    expectInvited(await send(app, { body: padded(409_600) }));
  });

  it('allows a large event that is written entirely in escapes', async () => {
    const body = `{"user_id":"${BOB}","reason":"${'\\u0061'.repeat(65_000)}"}`;
    const { response, content } = await sendToRoom(body);
    expectInvited(response);
    expect(content?.reason).toBe('a'.repeat(65_000));
  });
});

describe('the size limit of an event', () => {
  /** Returns a reason that makes the event exactly `bytes` long. */
  function reasonFor(bytes: number, character: string): string {
    const event = {
      room_id: ROOM,
      type: 'm.room.member',
      state_key: BOB,
      sender: ALICE,
      origin_server_ts: Date.now(),
      content: { membership: 'invite', reason: '' },
    };
    const rest = bytes - Buffer.byteLength(JSON.stringify(event));
    const width = Buffer.byteLength(character);
    return character.repeat(Math.floor(rest / width)) + 'a'.repeat(rest % width);
  }

  it.each(['a', 'é', '😀'])('is 65,536 bytes for a reason of %s', async (character) => {
    const fits = reasonFor(65_536, character);
    const { response, content } = await sendToRoom({ user_id: BOB, reason: fits });
    expectInvited(response);
    expect(content?.reason).toBe(fits);
    const tooLong = await sendToRoom({ user_id: BOB, reason: reasonFor(65_537, character) });
    expectRefusal(tooLong.response, 413, 'M_TOO_LARGE');
  });

  it('is checked before the rate limits are consumed, and nothing is appended', async () => {
    const { app, store } = await appWithRoom({ rateLimit: limits(1) });
    for (let times = 1; times <= 3; times += 1) {
      const body = { user_id: BOB, reason: 'a'.repeat(65_536) };
      expectRefusal(await send(app, { body }), 413, 'M_TOO_LARGE');
    }
    expect(await invitesOf(store, BOB)).toBe(0);
    expectInvited(await send(app));
    expectRefusal(await send(app, { body: { user_id: CAROL } }), 429, 'M_LIMIT_EXCEEDED', {
      retry_after_ms: expect.any(Number),
    });
  });
});

function bytesInReason(...bytes: number[]): Buffer {
  return Buffer.concat([
    Buffer.from(`{"user_id":"${BOB}","reason":"`),
    Buffer.from(bytes),
    Buffer.from('"}'),
  ]);
}
