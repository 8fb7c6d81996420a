// The code that you would write: an Express app that invites by email address.
import express, { type Express } from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import type { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import {
  createThirdPartyInviteRouter,
  type IdentityServersOptions,
  identityServers,
} from 'express-matrix-invite/third-party';

export type AppOptions = {
  readonly serverName: string;
  readonly storage: SqliteStorage;
  /** User IDs by access token. */
  readonly tokens: Readonly<Record<string, string>>;
  /** The key of the hashes that stand for addresses. It must stay the same. */
  readonly secret: Uint8Array;
  readonly identityServers: IdentityServersOptions;
};

export function createApp(options: AppOptions): { app: Express; close: () => Promise<void> } {
  const { serverName, storage, tokens, secret } = options;
  const thirdParty = { identity: identityServers(options.identityServers), pending: storage, secret };
  const invites = createInviteRouter({
    serverName,
    storage,
    auth: staticTokens(tokens),
    rateLimit: new MemoryRateLimit(),
    thirdParty,
  });
  const onBind = createThirdPartyInviteRouter({ serverName, storage, thirdParty });

  const app = express();
  // Matrix clients send invites here.
  app.use('/_matrix/client/v3', invites);
  // Identity servers say here who has an address now.
  app.use('/_matrix/federation/v1', onBind);
  return {
    app,
    async close() {
      await Promise.all([invites.close(), onBind.close()]);
    },
  };
}
