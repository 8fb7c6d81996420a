import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import express, { type RequestHandler, type Router } from 'express';
import type { RoomStore } from 'express-matrix-invite';
import { CASES } from './cases.ts';
import { type Change, changeMembership, resetMemberships } from './changes.ts';
import { INVITES_PER_MINUTE } from './curl-lines.ts';
import type { Setup } from './demo-api.ts';
import { demoDescription } from './description.ts';
import type { LiveRooms } from './live-rooms.ts';
import type { RestartableRateLimit } from './restartable-rate-limit.ts';
import { SERVER_NAME, TOKENS } from './rooms.ts';

const FOLDER = fileURLToPath(new URL('page/', import.meta.url));
const { resolve } = createRequire(import.meta.url);

const CHANGES: readonly Change[] = ['accept', 'leave', 'unban'];

const SETUP: Setup = {
  serverName: SERVER_NAME,
  invitesPerMinute: INVITES_PER_MINUTE,
  logins: Object.entries(TOKENS).map(([token, userId]) => ({ token, userId })),
  cases: CASES,
};

/** Allows only this server's files and nothing inline, so a user's text could not run even if it became HTML. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Swagger UI's style sheet contains icons as data URLs.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const withPageHeaders: RequestHandler = (_request, response, next) => {
  response.set({
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
  });
  next();
};

type Demo = {
  readonly rooms: LiveRooms;
  readonly storage: RoomStore;
  readonly rateLimit: RestartableRateLimit;
};

/** Serves the page at `/` with its scripts and data, and the API description at `/docs`. */
export function pageRouter({ rooms, storage, rateLimit }: Demo): Router {
  const router = express.Router();
  router.use(withPageHeaders);
  router.get('/', sendFile(`${FOLDER}index.html`));
  router.get('/docs', sendFile(`${FOLDER}docs.html`));
  router.get('/docs/swagger-ui.css', sendFile(resolve('swagger-ui-dist/swagger-ui.css')));
  router.get('/docs/swagger-ui-bundle.js', sendFile(resolve('swagger-ui-dist/swagger-ui-bundle.js')));
  router.use('/page', express.static(FOLDER, { index: false, cacheControl: false }));
  router.get('/openapi.json', (_request, response) => {
    response.json(demoDescription());
  });
  router.get('/demo/setup', (_request, response) => {
    response.json(SETUP);
  });
  router.get('/demo/rooms', (_request, response, next) => {
    rooms.stream(response).catch(next);
  });
  router.get('/demo/reason', ({ query }, response) => {
    const reason = rooms.reasonOf(String(query.event));
    if (reason === undefined) response.sendStatus(404);
    else response.type('text/plain').send(reason);
  });
  router.post('/demo/change', async ({ query }, response) => {
    const change = CHANGES.find((name) => name === query.change);
    const isChanged =
      change !== undefined &&
      (await changeMembership(storage, String(query.room), String(query.user), change));
    await rooms.poll();
    response.sendStatus(isChanged ? 204 : 409);
  });
  router.post('/demo/reset', async (_request, response) => {
    await resetMemberships(storage);
    rateLimit.restart();
    await rooms.poll();
    rooms.announceReset();
    response.sendStatus(204);
  });
  return router;
}

function sendFile(path: string): RequestHandler {
  return (_request, response) => response.sendFile(path, { cacheControl: false });
}
