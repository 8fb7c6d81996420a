import type { RequestListener } from 'node:http';
import fastifyExpress from '@fastify/express';
import { Router } from 'express';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Host, lazyHost } from './host.ts';

/** Middlewares by `@fastify/express`, as docs/frameworks.md says. */
export function newHost(): Host {
  const uses: unknown[][] = [];
  const raw = Router();
  const undecodable = (error: Error, request: FastifyRequest, reply: FastifyReply) =>
    raw(request.raw as never, reply.raw as never, () => reply.send(error));
  const app = fastify({ frameworkErrors: undecodable });
  app.setErrorHandler<Error>((error, request, reply) => {
    if (error instanceof URIError) undecodable(error, request, reply);
    else reply.send(error);
  });
  app.register(fastifyExpress).after(() => {
    for (const args of uses) app.use(...(args as [never]));
  });
  return lazyHost(
    (...args) => {
      raw.use(...(args as [never]));
      uses.push(args);
    },
    async () => {
      await app.ready();
      return app.routing as RequestListener;
    },
  );
}
