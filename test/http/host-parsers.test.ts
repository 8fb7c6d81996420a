import { json as jsonOf, text as textOf } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import { describe, expect, it } from 'vitest';
import type { Middleware } from '../frameworks/hosts/host.ts';
import {
  AS_ALICE,
  BOB,
  expectInvited,
  expectRefusal,
  memberOf,
  respondAsHost,
  seedRoom,
  send,
  setUp,
} from './support.ts';

const readString: Middleware = (request, _response, next) => {
  void textOf(request).then((body) => {
    request.body = body;
    next();
  });
};

const parsers: [string, Middleware][] = [
  ['no parser', (_request, _response, next) => next()],
  ['express.json()', express.json()],
  ['express.json() for every type', express.json({ type: '*/*' })],
  ['express.text() for every type', express.text({ type: '*/*' })],
  ['express.raw() for every type', express.raw({ type: '*/*' })],
  ['express.urlencoded()', express.urlencoded({ extended: true })],
  ['a custom parser to a string', readString],
  [
    'a custom parser to an object',
    (request, _response, next) => {
      void jsonOf(request).then((body) => {
        request.body = body;
        next();
      });
    },
  ],
];

describe('behind a host app with', () => {
  async function host(parser: Middleware) {
    const { app, store } = setUp({}, (empty) => empty.use(parser));
    await seedRoom(store);
    respondAsHost(app);
    return { app, store };
  }

  describe.each(parsers)('%s', (_parser, parser) => {
    it.each([undefined, 'application/json', 'text/plain', 'application/octet-stream'])(
      'an invite with the Content-Type %j is accepted',
      async (contentType) => {
        const { app, store } = await host(parser);
        const headers = contentType === undefined ? AS_ALICE : { ...AS_ALICE, 'content-type': contentType };
        expectInvited(await send(app, { headers, body: { user_id: BOB, reason: 'é😀' } }));
        expect((await memberOf(store, BOB))?.content).toEqual({ membership: 'invite', reason: 'é😀' });
      },
    );

    it('a body that is not an invite is rejected', async () => {
      const { app, store } = await host(parser);
      const headers = { ...AS_ALICE, 'content-type': 'application/json' };
      expectRefusal(await send(app, { headers, body: '[]' }), 400, 'M_BAD_JSON');
      expectRefusal(await send(app, { headers, body: { user_id: 'bob' } }), 400, 'M_INVALID_PARAM');
      expectRefusal(await send(app, { headers: {}, body: '{}' }), 401, 'M_MISSING_TOKEN');
      expect(await memberOf(store, BOB)).toBeUndefined();
    });
  });

  it.each([
    ['a string that is not JSON', express.text({ type: '*/*' }), 'hello'],
    ['an empty string', readString, ''],
    ['bytes that are not JSON', express.raw({ type: '*/*' }), 'hello'],
    [
      'bytes that are not UTF-8',
      express.raw({ type: '*/*' }),
      Buffer.from(`{"user_id":"${BOB}","reason":"\xff"}`, 'latin1'),
    ],
    ['a content type that the parser skips', express.json(), 'hello'],
  ])('a parser, a body that is not JSON is rejected: %s', async (_case, parser, body) => {
    const { app } = await host(parser);
    const response = await send(app, { body, headers: { ...AS_ALICE, 'content-type': 'text/plain' } });
    expectRefusal(response, 400, 'M_NOT_JSON');
  });

  it('a parser that discards the body, an invite is rejected', async () => {
    const { app } = await host((request, _response, next) => request.resume().on('end', () => next()));
    expectRefusal(await send(app), 400, 'M_NOT_JSON');
  });

  it('cookies, a log and slow middleware in front, an invite is accepted', async () => {
    const log: string[] = [];
    const { app } = await host((request, response, next) => {
      response.setHeader('X-Request-Id', '7');
      response.on('finish', () => log.push(`${request.method} ${response.statusCode}`));
      Object.assign(request, { cookies: { sid: 'x' }, body: undefined });
      void delay(20).then(() => next());
    });
    const response = await send(app, { headers: { ...AS_ALICE, cookie: 'sid=x' } });
    expectInvited(response);
    expect(response.headers['x-request-id']).toBe('7');
    expect(log).toEqual(['POST 200']);
  });
});
