import { type Request, type Response, Router } from 'express';
import type { InviteRouter, RoomStore } from 'express-matrix-invite';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { inviteesOf } from '../quickstart/rooms.ts';

/** A Fastify app with the invite endpoint in front of its own routes. */
export function createApp(invites: InviteRouter, store: RoomStore): FastifyInstance {
  const matrix = Router().use('/_matrix/client/v3', invites);
  const answerMatrix = (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
    matrix(request.raw as Request, reply.raw as Response, next);
  };

  const app = fastify({
    // Before any hook, Fastify refuses a path that it cannot decode.
    frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) =>
      answerMatrix(request, reply, () => reply.send(error)),
  });
  // Before Fastify's parsers, so that they do not take the body.
  app.addHook('onRequest', answerMatrix);

  app.get<{ Params: { roomId: string } }>('/rooms/:roomId/invitees', async ({ params }) =>
    inviteesOf(store, params.roomId),
  );
  return app;
}
