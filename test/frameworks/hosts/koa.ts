import { Router } from 'express';
import Koa from 'koa';
import connect from 'koa-connect';
import { type Host, lazyHost } from './host.ts';

export function newHost(): Host {
  const app = new Koa();
  const uses = Router();
  app.use(connect(uses as never));
  return lazyHost(
    (...args) => uses.use(...(args as [never])),
    async () => app.callback(),
  );
}
