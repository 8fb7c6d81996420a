import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import express, { type RequestHandler, type Router } from 'express';
import { CASES } from './cases.ts';
import { INVITES_PER_MINUTE } from './curl-lines.ts';
import type { Setup } from './demo-api.ts';
import { demoDescription } from './description.ts';
import type { LiveRooms } from './live-rooms.ts';
import { SERVER_NAME, TOKENS } from './rooms.ts';

const FOLDER = fileURLToPath(new URL('page/', import.meta.url));
const { resolve } = createRequire(import.meta.url);

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

/** Serves the page at `/` with its scripts and data, and the API description at `/docs`. */
export function pageRouter(rooms: LiveRooms): Router {
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
  return router;
}

function sendFile(path: string): RequestHandler {
  return (_request, response) => response.sendFile(path, { cacheControl: false });
}
