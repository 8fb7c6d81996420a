import { setTimeout as delay } from 'node:timers/promises';
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
