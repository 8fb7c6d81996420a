import type { RequestListener } from 'node:http';
import { Router } from 'express';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Host, lazyHost } from './host.ts';

/** Creates a Fastify app whose middleware runs in an `onRequest` hook, as docs/frameworks.md describes. */
export function newHost(): Host {
  const middleware = Router();
  const runMiddleware = (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) =>
    middleware(request.raw as never, reply.raw as never, next as never);
  const app = fastify({
    frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) =>
      runMiddleware(request, reply, () => reply.send(error)),
  });
  app.addHook('onRequest', runMiddleware);
  return lazyHost(
    (...args) => middleware.use(...(args as [never])),
    async () => {
      await app.ready();
      return app.routing as RequestListener;
    },
  );
}
