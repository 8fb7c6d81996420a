import { type Request, type Response, Router } from 'express';
import type { InviteRouter, RoomStore } from 'express-matrix-invite';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';

/** Creates a Fastify app with the invite router in front of its own routes. */
export function createApp(invites: InviteRouter, store: RoomStore): FastifyInstance {
  const matrix = Router().use('/_matrix/client/v3', invites);
  const handleMatrix = (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
    matrix(request.raw as Request, reply.raw as Response, next);
  };

  const app = fastify({
    // Fastify rejects a path that it cannot decode before any hook runs.
    frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) =>
      handleMatrix(request, reply, () => reply.send(error)),
  });
  // `onRequest` runs before Fastify's parsers, which would consume the body.
  app.addHook('onRequest', handleMatrix);

  // One of the app's own routes.
  app.get<{ Params: { roomId: string } }>('/rooms/:roomId/invitees', async ({ params }) => {
    const state = (await store.roomState(params.roomId)) ?? [];
    return state.filter(({ content }) => content.membership === 'invite').map(({ state_key }) => state_key);
  });
  return app;
}
