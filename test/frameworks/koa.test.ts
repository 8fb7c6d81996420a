import { json as jsonOf } from 'node:stream/consumers';
import { type Request, type Response, Router } from 'express';
import Koa from 'koa';
import connect from 'koa-connect';
import { describe, expect, it } from 'vitest';
import {
  expectInvited,
  expectRefusal,
  listening,
  PREFIX,
  portOf,
  recordingLogger,
  seedRoom,
  sendTo,
  setUp,
} from '../http/support.ts';

type Mount = (router: ReturnType<typeof setUp>['router']) => Koa.Middleware;

const byBridge: Mount = (router) => {
  const matrix = Router().use(PREFIX, router);
  return connect((request, response, next) => matrix(request as Request, response as Response, next));
};

/** Lets earlier Koa middleware continue once the response is sent. */
const byHand: Mount = (router) => {
  const matrix = Router().use(PREFIX, router);
  return (context, next) =>
    new Promise((resolve, reject) => {
      context.res.once('close', () => resolve(undefined));
      matrix(context.req as Request, context.res as Response, (error?: unknown) =>
        error === undefined ? resolve(next()) : reject(error),
      );
    });
};

async function listeningHost(mount: Mount, earlier: Koa.Middleware = (_context, next) => next()) {
  const { logger, lines } = recordingLogger();
  const { router, store } = setUp({ logger });
  await seedRoom(store);
  const app = new Koa().use(earlier).use(mount(router));
  app.use(async (context) => {
    if (context.path === '/echo') context.body = { body: await jsonOf(context.req), type: context.type };
  });
  return { port: portOf(await listening(app.callback() as never)), lines };
}

describe.each([
  ['koa-connect', byBridge],
  ['hand-written middleware', byHand],
])('in Koa, through %s', (_name, mount) => {
  it('the router responds once and leaves everything else to Koa, including its 404', async () => {
    const { port, lines } = await listeningHost(mount);
    expectInvited(await sendTo(port));
    expectRefusal(await sendTo(port, { method: 'PUT' }), 405, 'M_UNRECOGNIZED');
    expect((await sendTo(port, { path: '/echo', body: { a: 1 } })).body).toMatchObject({ body: { a: 1 } });
    expect((await sendTo(port, { path: `${PREFIX}/sync` })).status).toBe(404);
    expect(lines).toEqual([]);
  });

  it('the router keeps the headers that earlier middleware has set', async () => {
    const { port } = await listeningHost(mount, (context, next) => {
      context.set('X-Request-Id', '7');
      return next();
    });
    expect((await sendTo(port)).headers).toMatchObject({ 'x-request-id': '7' });
  });

  it('the router needs `req.body` behind a Koa body parser', async () => {
    const parse =
      (isPassedOn: boolean): Koa.Middleware =>
      async (context, next) => {
        const body = await jsonOf(context.req);
        if (isPassedOn) Object.assign(context.req, { body });
        return next();
      };
    expectRefusal(await sendTo((await listeningHost(mount, parse(false))).port), 400, 'M_NOT_JSON');
    expectInvited(await sendTo((await listeningHost(mount, parse(true))).port));
  });

  it('the router returns to earlier middleware only with hand-written middleware', async () => {
    const seen: number[] = [];
    const { port } = await listeningHost(mount, async (context, next) => {
      await next();
      seen.push(context.res.statusCode);
    });
    expectInvited(await sendTo(port));
    expect((await sendTo(port, { path: '/none' })).status).toBe(404);
    await expect.poll(() => seen).toEqual(mount === byHand ? [200, 404] : [404]);
  });
});
