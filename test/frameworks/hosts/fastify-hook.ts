import type { RequestListener } from 'node:http';
import { Router } from 'express';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Host, lazyHost } from './host.ts';

/** A hook in front of everything, as docs/frameworks.md says. */
export function newHost(): Host {
  const uses = Router();
  const toUses = (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) =>
    uses(request.raw as never, reply.raw as never, next as never);
  const app = fastify({
    frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) =>
      toUses(request, reply, () => reply.send(error)),
  });
  app.addHook('onRequest', toUses);
  return lazyHost(
    (...args) => uses.use(...(args as [never])),
    async () => {
      await app.ready();
      return app.routing as RequestListener;
    },
  );
}
