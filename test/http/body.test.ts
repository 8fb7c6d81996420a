import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, inject, it } from 'vitest';
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

async function room(options: Parameters<typeof setUp>[0] = {}) {
  const host = setUp(options);
  await seedRoom(host.store);
  return host;
}

/** Sends to a new room, and says what became of Bob there. */
async function sendToRoom(body: unknown, headers: object = {}) {
  const { app, store } = await room();
  const before = await store.timeline(ROOM);
  const answer = await send(app, { body, headers: { ...AS_ALICE, ...headers } });
  if (answer.status !== 200) expect(await store.timeline(ROOM)).toEqual(before);
  return { answer, content: (await memberOf(store, BOB))?.content };
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
  ])('does not matter: %j', async (contentType) => {
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    const { answer, content } = await sendToRoom({ user_id: BOB, reason: 'é😀' }, headers);
    expectInvited(answer);
    expect(content).toEqual({ membership: 'invite', reason: 'é😀' });
  });
});

describe('a body that is no JSON', () => {
  it.each([
    ['nothing', ''],
    ['white space', ' \r\n\t '],
    ['a byte order mark alone', '\uFEFF'],
    ['a word', 'hello'],
    ['a form', 'user_id=%40bob%3Aexample.org'],
    ['half an object', '{"user_id":"@bob:example.org"'],
    ['a comma too much', `{"user_id":"${BOB}",}`],
    ['single quotes', `{'user_id':'${BOB}'}`],
    ['a comment', `${INVITE_BOB}// hello`],
    ['two objects', INVITE_BOB + INVITE_BOB],
    ['NaN', 'NaN'],
    ['a raw NUL in a text', `{"user_id":"${BOB}","reason":"\0"}`],
    ['a byte that is no UTF-8', bytesInReason(0xff)],
    ['half a character', bytesInReason(0xc3)],
    ['an overlong form', bytesInReason(0xc0, 0xaf)],
    ['a surrogate as bytes', bytesInReason(0xed, 0xa0, 0x80)],
    ['UTF-16', Buffer.from(INVITE_BOB, 'utf16le')],
    ['deep nesting without an end', '['.repeat(200_000)],
  ])('is refused: %s', async (_case, body) => {
    const { answer } = await sendToRoom(body, { 'content-type': 'application/json' });
    expectRefusal(answer, 400, 'M_NOT_JSON');
  });

  it('is not quoted', async () => {
    expect((await sendToRoom('hunter2')).answer.text).not.toContain('hunter2');
  });
});

describe('JSON that is no invite', () => {
  it.each([
    ['null', 'null'],
    ['a number', '1'],
    ['a text', JSON.stringify(BOB)],
    ['true', 'true'],
    ['a list', '[]'],
    ['a list of an invite', `[${INVITE_BOB}]`],
    ['an empty object', '{}'],
    ['another field', '{"userId":"@bob:example.org"}'],
    ['the field in capitals', '{"USER_ID":"@bob:example.org"}'],
    ['user_id null', '{"user_id":null}'],
    ['user_id a number', '{"user_id":1}'],
    ['user_id a list', `{"user_id":["${BOB}"]}`],
    ['user_id an object', '{"user_id":{}}'],
    ['reason null', `{"user_id":"${BOB}","reason":null}`],
    ['reason a number', `{"user_id":"${BOB}","reason":1}`],
    ['reason a list', `{"user_id":"${BOB}","reason":["x"]}`],
    ['reason nested deeply', `{"user_id":"${BOB}","reason":${'['.repeat(90_000)}${']'.repeat(90_000)}}`],
    ['a user_id that is none, and a reason that is no text', '{"user_id":"bob","reason":1}'],
    ['a lone surrogate in the reason', `{"user_id":"${BOB}","reason":"\\ud800"}`],
    ['surrogates the wrong way round', `{"user_id":"${BOB}","reason":"\\ude00\\ud83d"}`],
    ['a lone surrogate in the user_id', '{"user_id":"@b\\udc00b:example.org"}'],
    ['user_id in the prototype', `{"__proto__":${INVITE_BOB}}`],
    ['user_id in the constructor', `{"constructor":{"prototype":${INVITE_BOB}}}`],
    ['part of the third-party form', '{"medium":"email"}'],
    ['third-party fields of other types', '{"medium":1,"address":2}'],
    ['the third-party form with a user_id that is none', `{"medium":"email","address":"a@b","user_id":null}`],
  ])('is bad: %s', async (_case, body) => {
    expectRefusal((await sendToRoom(body)).answer, 400, 'M_BAD_JSON');
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
  ])('names no user: %j', async (user_id) => {
    expectRefusal((await sendToRoom({ user_id })).answer, 400, 'M_INVALID_PARAM');
  });

  it.each([
    ['', { id_server: 'id.example.org', id_access_token: 'abc' }],
    [' without an identity server', {}],
    [' with fields more', { reason: 'x', more: 1 }],
  ])('is denied: the third-party form%s', async (_case, more) => {
    const body = { medium: 'email', address: 'bob@example.org', ...more };
    expectRefusal((await sendToRoom(body)).answer, 403, 'M_THREEPID_DENIED');
  });
});

describe('an odd invite', () => {
  it.each([
    ['after a byte order mark', `\uFEFF${INVITE_BOB}`, {}],
    ['among white space', `\n\t ${INVITE_BOB}\r\n`, {}],
    ['with an empty reason', `{"user_id":"${BOB}","reason":""}`, { reason: '' }],
    ['with NUL in the reason', `{"user_id":"${BOB}","reason":"a\\u0000b"}`, { reason: 'a\0b' }],
    ['with characters as escapes', `{"user_id":"${BOB}","reason":"\\ud83d\\ude00"}`, { reason: '😀' }],
    ['with U+FFFE and U+FFFF', `{"user_id":"${BOB}","reason":"\\uFFFE\\uFFFF"}`, { reason: '\uFFFE\uFFFF' }],
    ['with the key in escapes', `{"user\\u005fid":"${BOB}"}`, {}],
    ['with its user_id twice: the last counts', `{"user_id":"${CAROL}","user_id":"${BOB}"}`, {}],
    ['with its reason twice', `{"user_id":"${BOB}","reason":1,"reason":"b"}`, { reason: 'b' }],
    ['with __proto__', `{"user_id":"${BOB}","__proto__":{"reason":"x","polluted":1}}`, {}],
    ['with a lone surrogate elsewhere', `{"user_id":"${BOB}","x":"\\ud800","\\udc00":1}`, {}],
    ['with a number too large elsewhere', `{"user_id":"${BOB}","x":1e999}`, {}],
    ['with deep nesting elsewhere', `{"user_id":"${BOB}","x":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, {}],
    ['with third-party fields as well', `{"medium":"email","address":"a@b","user_id":"${BOB}"}`, {}],
  ])('is made %s', async (_case, body, more) => {
    const { answer, content } = await sendToRoom(body);
    expectInvited(answer);
    expect(content).toEqual({ membership: 'invite', ...more });
    expect(Object.prototype).not.toHaveProperty('polluted');
  });

  it.each([
    '@:example.org',
    '@Bob Ünicode/!#:example.org',
    `@${'b'.repeat(242)}:example.org`,
    '@__proto__:example.org',
  ])('is made of the historical user %s', async (user_id) => {
    const { app, store } = await room();
    expectInvited(await send(app, { body: { user_id } }));
    expect((await memberOf(store, user_id))?.content).toEqual({ membership: 'invite' });
  });
});

describe('compression', () => {
  const broken = (bytes: Buffer) => bytes.with(bytes.length >> 1, (bytes.at(bytes.length >> 1) ?? 0) ^ 0xff);

  it.each([
    ['gzip', gzipSync(INVITE_BOB)],
    ['GZIP', gzipSync(INVITE_BOB)],
    ['deflate', deflateSync(INVITE_BOB)],
    ['identity', Buffer.from(INVITE_BOB)],
  ])('%s is undone', async (encoding, body) => {
    const { answer, content } = await sendToRoom(body, encoded(encoding));
    expectInvited(answer);
    expect(content).toEqual({ membership: 'invite' });
  });

  it.each([
    ['gzip', Buffer.from(INVITE_BOB)],
    ['gzip', broken(gzipSync(INVITE_BOB))],
    ['gzip', gzipSync(INVITE_BOB).subarray(0, -9)],
    ['gzip', ''],
    ['deflate', gzipSync(INVITE_BOB)],
    ['deflate', deflateSync(INVITE_BOB).subarray(0, -5)],
  ])('broken %s is refused (%#)', async (encoding, body) => {
    expectRefusal((await sendToRoom(body, encoded(encoding))).answer, 400, 'M_NOT_JSON');
  });

  it.each(['compress', 'x', 'gzip, gzip', 'gzip,identity', '__proto__', 'utf-8'])(
    '%s is not supported',
    async (encoding) => {
      expectRefusal((await sendToRoom(INVITE_BOB, encoded(encoding))).answer, 415, 'M_NOT_JSON');
    },
  );

  it('br is undone by Express 5 alone', async () => {
    const { answer, content } = await sendToRoom(brotliCompressSync(INVITE_BOB), encoded('br'));
    if (inject('expressMajor') === 4) {
      expectRefusal(answer, 415, 'M_NOT_JSON');
    } else {
      expectInvited(answer);
      expect(content).toEqual({ membership: 'invite' });
    }
  });

  it.each([Buffer.from(INVITE_BOB), Buffer.alloc(9, 0xff), brotliCompressSync(INVITE_BOB).subarray(0, -3)])(
    'broken br is refused (%#)',
    async (body) => {
      const status = inject('expressMajor') === 4 ? 415 : 400;
      expectRefusal((await sendToRoom(body, encoded('br'))).answer, status, 'M_NOT_JSON');
    },
  );

  it('a bomb is not blown up', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '), { level: 1 });
    const { app } = await room();
    const before = process.memoryUsage().rss;
    expectRefusal(await send(app, { body: bomb, headers: encoded('gzip') }), 413, 'M_TOO_LARGE');
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });
});

describe('the limit of a body', () => {
  const padded = (length: number) => INVITE_BOB.padEnd(length);

  it.each([
    ['as it is', (body: string) => body, AS_ALICE],
    ['inflated', (body: string) => gzipSync(body), encoded('gzip')],
  ])('counts its bytes %s', async (_case, packed, headers) => {
    const { app, store } = await room({ bodyLimitBytes: 100 });
    expectRefusal(await send(app, { headers, body: packed(padded(101)) }), 413, 'M_TOO_LARGE');
    expect(await memberOf(store, BOB)).toBeUndefined();
    expectInvited(await send(app, { headers, body: packed(padded(100)) }));
  });

  it('counts bytes, not characters', async () => {
    const { app } = await room({ bodyLimitBytes: 100 });
    const body = JSON.stringify({ user_id: BOB, reason: 'é'.repeat(30) });
    expect(body.length).toBeLessThan(100);
    expectRefusal(await send(app, { body }), 413, 'M_TOO_LARGE');
  });

  it('is 400 KiB by default', async () => {
    const { app } = await room();
    expectRefusal(await send(app, { body: padded(409_601) }), 413, 'M_TOO_LARGE');
    expectInvited(await send(app, { body: padded(409_600) }));
  });

  it('lets an event in that is written all in escapes', async () => {
    const body = `{"user_id":"${BOB}","reason":"${'\\u0061'.repeat(65_000)}"}`;
    const { answer, content } = await sendToRoom(body);
    expectInvited(answer);
    expect(content?.reason).toBe('a'.repeat(65_000));
  });
});

describe('the limit of an event', () => {
  /** A reason with which the event is so many bytes long. */
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

  it.each(['a', 'é', '😀'])('is 65,536 bytes, of %s as well', async (character) => {
    const fits = reasonFor(65_536, character);
    const { answer, content } = await sendToRoom({ user_id: BOB, reason: fits });
    expectInvited(answer);
    expect(content?.reason).toBe(fits);
    const tooLong = await sendToRoom({ user_id: BOB, reason: reasonFor(65_537, character) });
    expectRefusal(tooLong.answer, 413, 'M_TOO_LARGE');
  });

  it('costs nothing of the limits, and appends nothing', async () => {
    const { app, store } = await room({ rateLimit: limits(1) });
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
