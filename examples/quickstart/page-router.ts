import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import express, { type RequestHandler, type Router } from 'express';
import { CASES } from './cases.ts';
import { INVITES_PER_MINUTE } from './curl-lines.ts';
import type { Setup } from './demo-api.ts';
import { describedForDemo } from './description.ts';
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

/** Everything comes from here, and nothing is inline: what a user wrote could not run, were it ever taken for HTML. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Swagger UI's icons are data URLs in its style sheet.
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

/** The page at `/`, what it needs, and the description of the API at `/docs`. */
export function pageRouter(rooms: LiveRooms): Router {
  const router = express.Router();
  router.use(withPageHeaders);
  router.get('/', sends(`${FOLDER}index.html`));
  router.get('/docs', sends(`${FOLDER}docs.html`));
  router.get('/docs/swagger-ui.css', sends(resolve('swagger-ui-dist/swagger-ui.css')));
  router.get('/docs/swagger-ui-bundle.js', sends(resolve('swagger-ui-dist/swagger-ui-bundle.js')));
  router.use('/page', express.static(FOLDER, { index: false, cacheControl: false }));
  router.get('/openapi.json', (_request, response) => {
    response.json(describedForDemo());
  });
  router.get('/demo/setup', (_request, response) => {
    response.json(SETUP);
  });
  router.get('/demo/rooms', (_request, response, next) => {
    rooms.stream(response).catch(next);
  });
  return router;
}

function sends(path: string): RequestHandler {
  return (_request, response) => response.sendFile(path, { cacheControl: false });
}
