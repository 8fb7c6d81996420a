import type { OutgoingHttpHeaders } from 'node:http';
import express from 'express';
import { describe, expect, it } from 'vitest';
import type { Middleware } from '../frameworks/hosts/host.ts';
import {
  ALICE,
  AS_ALICE,
  BOB,
  expectInvited,
  expectRefusal,
  memberOf,
  recordingLogger,
  seedRoom,
  send,
  setUp,
  type TestRequest,
} from './support.ts';

/** Sends an invite through a middleware of the host app. */
async function sendThrough(
  host: Middleware,
  sent: TestRequest = {},
  options: Parameters<typeof setUp>[0] = {},
) {
  const { logger, lines } = recordingLogger();
  const { app, store } = setUp({ logger, ...options }, (empty) => empty.use(host));
  await seedRoom(store);
  return { response: await send(app, sent), store, lines };
}

describe('an Authorization header', () => {
  const setTo =
    (value: (headers: Readonly<Record<string, unknown>>) => unknown): Middleware =>
    (request, _response, next) => {
      request.headers.authorization = value(request.headers) as string;
      next();
    };

  it.each<[string, Middleware, OutgoingHttpHeaders]>([
    ['written from a cookie', setTo(({ cookie }) => `Bearer ${cookie}`), { cookie: 'alice-token' }],
    [
      'replaced by the one that a gateway forwards',
      setTo((headers) => headers['x-forwarded-authorization']),
      { authorization: 'Bearer of-the-gateway', 'x-forwarded-authorization': 'Bearer alice-token' },
    ],
    ['in a list of one', setTo(() => ['Bearer alice-token']), {}],
  ])('is used as the host app left it: %s', async (_case, host, headers) => {
    expectInvited((await sendThrough(host, { headers })).response);
  });

  it.each<[string, unknown]>([
    ['two tokens', ['Bearer alice-token', 'Bearer carol-token']],
    ['an empty list', []],
    ['a list of something else', [1]],
    ['a number', 1],
    ['null', null],
  ])('counts as missing if the host app leaves %s', async (_case, value) => {
    const { response } = await sendThrough(setTo(() => value));
    expectRefusal(response, 401, 'M_MISSING_TOKEN');
  });

  it('is not used if the host app has deleted it', async () => {
    const asked: string[] = [];
    const auth = {
      async authenticate({ accessToken }: { accessToken: string }) {
        asked.push(accessToken);
        return { requester: { userId: ALICE } };
      },
    };
    const host: Middleware = (request, _response, next) => {
      delete request.headers.authorization;
      next();
    };
    expectRefusal((await sendThrough(host, {}, { auth })).response, 401, 'M_MISSING_TOKEN');
    expect(asked).toEqual([]);
  });
});

describe('a body that the host app presents through a getter', () => {
  const withGetter =
    (get: () => unknown): Middleware =>
    (request, _response, next) => {
      request.resume().on('end', () => {
        Object.defineProperty(request, 'body', { get });
        next();
      });
    };
  const throwing = (error: unknown) =>
    withGetter(() => {
      throw error;
    });
  const httpError = (fields: object) => Object.assign(new Error('secret'), fields);

  it('is read', async () => {
    expectInvited((await sendThrough(withGetter(() => ({ user_id: BOB })))).response);
  });

  it.each<[string, unknown, number, string]>([
    ['a statusCode of 400', httpError({ statusCode: 400 }), 400, 'M_NOT_JSON'],
    ['a status of 422', httpError({ status: 422 }), 400, 'M_NOT_JSON'],
    ['a statusCode of 413', httpError({ statusCode: 413 }), 413, 'M_TOO_LARGE'],
    ['a statusCode of 415', httpError({ statusCode: 415 }), 415, 'M_NOT_JSON'],
    ['a SyntaxError', new SyntaxError('secret'), 400, 'M_NOT_JSON'],
  ])('is rejected like any other if it throws an error with %s', async (_case, error, status, errcode) => {
    const { response, lines } = await sendThrough(throwing(error));
    expectRefusal(response, status, errcode);
    expect(response.text).not.toContain('secret');
    expect(lines).toEqual([]);
  });

  it.each([
    ['without a status', new Error('secret')],
    ['with a 5xx', httpError({ status: 502 })],
    ['null', null],
  ])('leads to a 500 that is logged if it throws an error %s', async (_case, error) => {
    const { response, lines } = await sendThrough(throwing(error));
    expectRefusal(response, 500, 'M_UNKNOWN');
    expect(lines).toMatchObject([{ level: 'error' }]);
  });
});

describe('a body that the host app has read as something other than JSON', () => {
  const form = { ...AS_ALICE, 'content-type': 'application/x-www-form-urlencoded' };
  const leaving =
    (body: unknown): Middleware =>
    (request, _response, next) => {
      request.resume().on('end', () => {
        request.body = body;
        next();
      });
    };

  it.each<[string, Middleware, TestRequest]>([
    ['form fields', express.urlencoded({ extended: true }), { headers: form }],
    ['form fields, not extended', express.urlencoded({ extended: false }), { headers: form }],
    [
      'form fields, in several pieces',
      express.urlencoded({ extended: true }),
      { headers: form, body: { user_id: BOB, reason: 'a=b&c[d]=e' } },
    ],
    [
      'the empty fields of a multipart body',
      leaving(Object.create(null)),
      { headers: { ...AS_ALICE, 'content-type': 'multipart/form-data; boundary=x' } },
    ],
  ])('is rejected with a message that says why: %s', async (_case, host, sent) => {
    const { response, store } = await sendThrough(host, sent);
    expectRefusal(response, 400, 'M_BAD_JSON');
    expect(response.body).toMatchObject({
      error: expect.stringMatching(
        /^user_id is required \(.*body parser.*Content-Type: application\/json\)$/,
      ),
    });
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('is rejected without that hint if the Content-Type is JSON, or the router has read the body itself', async () => {
    const json = { ...AS_ALICE, 'content-type': 'application/json' };
    const missing = { error: 'user_id is required' };
    const parsed = await sendThrough(express.json(), { headers: json, body: {} });
    expect(parsed.response.body).toMatchObject(missing);
    const unparsed = await sendThrough(express.json(), { headers: form, body: {} });
    expect(unparsed.response.body).toMatchObject(missing);
  });

  it('is rejected with a message that says so if the host app kept nothing', async () => {
    const { response } = await sendThrough(leaving(undefined));
    expectRefusal(response, 400, 'M_NOT_JSON');
    expect(response.body).toMatchObject({ error: expect.stringContaining('request.body') });
  });
});

describe('a body stream', () => {
  it.each<[string, Middleware]>([
    [
      'paused',
      (request, _response, next) => {
        request.pause();
        next();
      },
    ],
    [
      'set to strings',
      (request, _response, next) => {
        request.setEncoding('utf8');
        next();
      },
    ],
    [
      'set to base64',
      (request, _response, next) => {
        request.setEncoding('base64');
        next();
      },
    ],
    [
      'stripped of its Content-Length',
      (request, _response, next) => {
        delete request.headers['content-length'];
        next();
      },
    ],
  ])('is read if the host app has %s it', async (_case, host) => {
    const { response, store } = await sendThrough(host, { body: { user_id: BOB, reason: 'é😀' } });
    expectInvited(response);
    expect((await memberOf(store, BOB))?.content.reason).toBe('é😀');
  });
});
