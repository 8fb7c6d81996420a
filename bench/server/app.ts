import type { RequestListener } from 'node:http';
import type { ServerConfig } from './config.ts';
import { openLimits } from './limits.ts';
import { TOKENS } from './rooms.ts';
import { type OpenStore, openStore } from './stores.ts';

/** The headers of every response of the invite router. */
const HEADERS = [
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE, OPTIONS'],
  ['Access-Control-Allow-Headers', 'X-Requested-With, Content-Type, Authorization'],
  ['Access-Control-Expose-Headers', 'Retry-After'],
  ['Content-Type', 'application/json'],
  ['Content-Length', '2'],
] as const;

export type App = { readonly listener: RequestListener; readonly store?: OpenStore };

/** Makes the app of a server process: the invite router, or a bare handler with the same response. */
export async function makeApp(config: ServerConfig): Promise<App> {
  switch (config.app) {
    case 'express5': {
      const { default: express } = await import('express');
      const app = express();
      app.use(express.json());
      app.post('/_matrix/client/v3/rooms/:roomId/invite', (_request, response) => {
        response.json({});
      });
      return { listener: app };
    }
    case 'express4': {
      const { default: express } = await import('express4');
      const app = express();
      app.use(express.json());
      app.post('/_matrix/client/v3/rooms/:roomId/invite', (_request, response) => {
        response.json({});
      });
      return { listener: app };
    }
    case 'headers': {
      const { default: express } = await import('express');
      const app = express();
      app.use('/_matrix/client/v3', (_request, response) => {
        for (const [name, value] of HEADERS) response.setHeader(name, value);
        response.end('{}');
      });
      return { listener: app };
    }
    case 'invite':
      return makeInviteApp(config);
  }
}

async function makeInviteApp(config: ServerConfig): Promise<App> {
  const { default: express } = await import('express');
  const { createInviteRouter } = await import('express-matrix-invite');
  const { staticTokens } = await import('express-matrix-invite/auth/static-tokens');
  const store = await openStore(config.store, config.processes);
  const app = express();
  app.use(
    '/_matrix/client/v3',
    createInviteRouter({
      serverName: 'example.org',
      storage: store.storage,
      auth: staticTokens(TOKENS),
      rateLimit: await openLimits(config.limits),
    }),
  );
  return { listener: app, store };
}
