import express, { type ErrorRequestHandler, type Express } from 'express';
import {
  type AuthAdapter,
  createInviteRouter,
  type InviteRouter,
  isStorageUnavailable,
  type Logger,
  type RequestOutcome,
} from 'express-matrix-invite';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { SERVER_NAME } from '../quickstart/rooms.ts';
import { health } from './health.ts';
import { rateLimitOn, storageOn } from './stores.ts';
import { timeLimits } from './time-limits.ts';
import { timeline } from './timeline.ts';

export type AppOptions = {
  /** What answers say in `X-Worker`. */
  readonly name: string;
  readonly pool: pg.Pool;
  readonly redis: Redis;
  readonly auth: AuthAdapter;
  readonly logger: Logger;
  readonly onOutcome: (outcome: RequestOutcome) => void;
};

/** The app that each process serves. */
export function createApp({ name, pool, redis, auth, logger, onOutcome }: AppOptions): {
  app: Express;
  invites: InviteRouter;
} {
  const storage = storageOn(pool);
  const invites = createInviteRouter({
    serverName: SERVER_NAME,
    storage,
    auth,
    rateLimit: rateLimitOn(redis, logger),
    logger,
    deadlineMs: timeLimits.deadlineMs,
    onOutcome,
    onInvite: ({ event }) =>
      console.log(`${name}: ${event.sender} invited ${event.state_key} into ${event.room_id}`),
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
  app.use(answerFailure(logger));
  return { app, invites };
}

/** What fails in the host's own routes. Express would answer with the stack. */
function answerFailure(logger: Logger): ErrorRequestHandler {
  return (err, _request, response, _next) => {
    logger.error({ err }, 'A request failed');
    // Not 401 when nobody can say whose a token is: that would log its user out.
    response.status(isOutage(err) ? 503 : 500).json({ error: 'That did not work' });
  };
}

function isOutage(err: unknown): boolean {
  return (
    isStorageUnavailable(err) || (err instanceof Error && Reflect.get(err, 'code') === 'ERR_OAUTH_PROVIDER')
  );
}
