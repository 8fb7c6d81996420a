import type { RequestListener } from 'node:http';
import fastifyExpress from '@fastify/express';
import { Router } from 'express';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Host, lazyHost } from './host.ts';

/** Creates a Fastify app whose middleware runs through `@fastify/express`, as docs/frameworks.md describes. */
export function newHost(): Host {
  const middleware: unknown[][] = [];
  const raw = Router();
  const handleUndecodable = (error: Error, request: FastifyRequest, reply: FastifyReply) =>
    raw(request.raw as never, reply.raw as never, () => reply.send(error));
  const app = fastify({ frameworkErrors: handleUndecodable });
  app.setErrorHandler<Error>((error, request, reply) => {
    if (error instanceof URIError) handleUndecodable(error, request, reply);
    else reply.send(error);
  });
  app.register(fastifyExpress).after(() => {
    for (const args of middleware) app.use(...(args as [never]));
  });
  return lazyHost(
    (...args) => {
      raw.use(...(args as [never]));
      middleware.push(args);
    },
    async () => {
      await app.ready();
      return app.routing as RequestListener;
    },
  );
}
