import { Router } from 'express';
import Koa from 'koa';
import connect from 'koa-connect';
import { type Host, lazyHost } from './host.ts';

export function newHost(): Host {
  const app = new Koa();
  const middleware = Router();
  app.use(connect(middleware as never));
  return lazyHost(
    (...args) => middleware.use(...(args as [never])),
    async () => app.callback(),
  );
}
