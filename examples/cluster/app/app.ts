import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import {
  type AuthAdapter,
  createInviteRouter,
  type InviteRouter,
  isStorageUnavailable,
  type Logger,
  matrixNotFoundHandler,
  printable,
  type RequestOutcome,
  type RoomStore,
} from 'express-matrix-invite';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { SERVER_NAME, timeLimits } from './config.ts';
import { createRateLimit, createStorage } from './stores.ts';

export type AppOptions = {
  /** The value of the `X-Worker` response header. */
  readonly name: string;
  readonly pool: pg.Pool;
  readonly redis: Redis;
  readonly auth: AuthAdapter;
  readonly logger: Logger;
  readonly onOutcome: (outcome: RequestOutcome) => void;
};

/** Creates the app that each worker serves: the invite router next to routes of the host app. */
export function createApp({ name, pool, redis, auth, logger, onOutcome }: AppOptions): {
  app: Express;
  invites: InviteRouter;
} {
  const storage = createStorage(pool);
  const invites = createInviteRouter({
    serverName: SERVER_NAME,
    storage,
    auth,
    rateLimit: createRateLimit(redis, logger),
    logger,
    deadlineMs: timeLimits.deadlineMs,
    onOutcome,
    onInvite: ({ event }) =>
      console.log(printable(`${name}: ${event.sender} invited ${event.state_key} to ${event.room_id}`)),
  });

  const app = express();
  app.disable('x-powered-by');
  app.use((_request, response, next) => {
    response.set('X-Worker', name);
    next();
  });
  app.get('/health', health(pool));
  app.get('/rooms/:roomId/timeline', timeline(storage, auth));
  app.use('/_matrix/client/v3', invites);
  app.use(matrixNotFoundHandler());
  app.use(handleError(logger));
  return { app, invites };
}

/**
 * The health check for the load balancer: a 200 if this process can reach PostgreSQL. It ignores Redis, because
 * invites still work without it.
 */
function health(pool: pg.Pool): RequestHandler {
  return async (_request, response) => {
    const query = { text: 'SELECT 1', query_timeout: timeLimits.healthMs };
    const isHealthy = await pool.query(query).then(
      () => true,
      () => false,
    );
    response.status(isHealthy ? 200 : 503).json({ isHealthy });
  };
}

/** A route of the host app that uses the same logins: a room's timeline, for its members. */
function timeline(storage: RoomStore, auth: AuthAdapter): RequestHandler<{ roomId: string }> {
  return async (request, response) => {
    const context = { signal: AbortSignal.timeout(timeLimits.deadlineMs) };
    const [, accessToken] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const login = accessToken && (await auth.authenticate({ accessToken, request }, context));
    if (!login || !('requester' in login)) {
      response.status(401).json({ error: 'A valid access token is required' });
      return;
    }
    const { roomId } = request.params;
    const memberKey = { type: 'm.room.member', state_key: login.requester.userId };
    const room = await storage.readState(roomId, [memberKey], context);
    if (room?.events[0]?.content.membership !== 'join') {
      response.status(404).json({ error: 'The room does not exist, or you are not a member' });
      return;
    }
    response.json(await storage.timeline(roomId, { limit: 1_000 }));
  };
}

/** Handles errors of the host app's own routes. Express's default handler would send the stack trace. */
function handleError(logger: Logger): ErrorRequestHandler {
  return (err, _request, response, _next) => {
    logger.error({ err }, 'A request failed');
    // Never a 401 for an outage: it would log clients out.
    response.status(isOutage(err) ? 503 : 500).json({ error: 'The request failed' });
  };
}

function isOutage(err: unknown): boolean {
  return (
    isStorageUnavailable(err) || (err instanceof Error && Reflect.get(err, 'code') === 'ERR_OAUTH_PROVIDER')
  );
}
