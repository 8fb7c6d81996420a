import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Middleware } from '../frameworks/hosts/host.ts';
import {
  AS_ALICE,
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

describe('a host that answers by itself', () => {
  const never = () => new Promise<never>(() => {});

  /** A time limit of the host's, shorter than ours. */
  const hasty: Middleware = (_request, response, next) => {
    setTimeout(() => response.writeHead(504).end('late'), 20);
    next();
  };

  it('while we wait for a store keeps its answer', async () => {
    const { logger, lines } = recordingLogger();
    const { app } = setUp(
      { storage: { readState: never, appendEvent: never }, deadlineMs: 60, logger },
      (host) => host.use(hasty),
    );
    expect(await send(app)).toMatchObject({ status: 504, text: 'late' });
    await delay(80);
    expect(lines).toMatchObject([{ level: 'warn' }]);
  });

  it('while we wait for the body keeps its answer', async () => {
    const { app } = setUp({ bodyTimeoutMs: 60, logger: silent }, (host) => host.use(hasty));
    const headers = { ...AS_ALICE, 'content-length': 1000 };
    expect(await send(app, { headers, body: '{' })).toMatchObject({ status: 504, text: 'late' });
    // A failure here would be an uncaught one.
    await delay(80);
  });

  it.each([
    ['POST', INVITE_PATH],
    ['GET', INVITE_PATH],
    ['OPTIONS', INVITE_PATH],
    ['POST', `${PREFIX}/rooms/%zz/invite`],
  ])('and yet goes on to us has decided: %s %s', async (method, path) => {
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
