import { Router } from 'express';
import { type Host, lazyHost } from './host.ts';

export function newHost(): Host {
  const uses = Router();
  return lazyHost(
    (...args) => uses.use(...(args as [never])),
    async () => (request, response) => {
      uses(request as never, response as never, (error?: unknown) => {
        response.statusCode = error === undefined ? 404 : 500;
        response.end();
      });
    },
  );
}
