import { Router } from 'express';
import { type Host, lazyHost } from './host.ts';

export function newHost(): Host {
  const middleware = Router();
  return lazyHost(
    (...args) => middleware.use(...(args as [never])),
    async () => (request, response) => {
      middleware(request as never, response as never, (error?: unknown) => {
        response.statusCode = error === undefined ? 404 : 500;
        response.end();
      });
    },
  );
}
