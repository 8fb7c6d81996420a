import { setTimeout as delay } from 'node:timers/promises';
import { createRequest, createResponse } from 'node-mocks-http';
import { describe, expect, it } from 'vitest';
import type { Middleware } from '../frameworks/hosts/host.ts';
import {
  BOB,
  INVITE_PATH,
  memberOf,
  PREFIX,
  recordingLogger,
  seedRoom,
  send,
  setUp,
  silent,
} from './support.ts';

describe('a host app that responds first', () => {
  const never = () => new Promise<never>(() => {});

  /** A timeout of the host app that is shorter than the router's deadline. */
  const hostTimeout: Middleware = (_request, response, next) => {
    setTimeout(() => response.writeHead(504).end('late'), 20);
    next();
  };

  it('keeps its response while the router waits for a store', async () => {
    const { logger, lines } = recordingLogger();
    const { app } = setUp(
      { storage: { readState: never, appendEvent: never }, deadlineMs: 60, logger },
      (host) => host.use(hostTimeout),
    );
    expect(await send(app)).toMatchObject({ status: 504, text: 'late' });
    await delay(80);
    expect(lines).toMatchObject([{ level: 'warn' }]);
  });

  it('keeps its response while the router waits for the body', async () => {
    const { app } = setUp({ bodyTimeoutMs: 60, logger: silent }, (host) => host.use(hostTimeout));
    expect(await send(app, { body: '{', isUnfinished: true })).toMatchObject({ status: 504, text: 'late' });
    // A failure in this time would be an uncaught error.
    await delay(80);
  });

  it.each([
    ['POST', INVITE_PATH],
    ['GET', INVITE_PATH],
    ['OPTIONS', INVITE_PATH],
    ['POST', `${PREFIX}/rooms/%zz/invite`],
  ])('keeps its response even if it then calls next(): %s %s', async (method, path) => {
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

describe('a `next` of the host app', () => {
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('from next');
      },
    ],
    ['rejects', () => Promise.reject(new Error('from next'))],
  ])('that %s when the router passes an error on is logged, and not left unhandled', async (_case, fail) => {
    const { logger, lines } = recordingLogger();
    const { router } = setUp({ logger });
    const request = createRequest({ method: 'POST', url: '/rooms/!room:example.org/invite' });
    const response = createResponse();
    response.setHeader = () => {
      throw new Error('from setHeader');
    };
    const passedOn: unknown[] = [];
    router(request, response, (error) => {
      passedOn.push(error);
      return fail() as never;
    });
    await expect
      .poll(() => lines)
      .toEqual([
        {
          level: 'error',
          details: { err: expect.objectContaining({ message: 'from next' }) },
          message: 'next failed',
        },
      ]);
    expect(passedOn).toEqual([new Error('from setHeader')]);
  });
});
