// The code that you would write: an Express app whose users can invite users of other servers.
import express, { type Express } from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import {
  createServerKeyRouter,
  type MatrixFederationOptions,
  matrixFederation,
  type Signer,
} from 'express-matrix-invite/federation';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import type { SqliteGraphStorage } from 'express-matrix-invite/storage/sqlite-graph';

const RESUME_INTERVAL_MS = 60_000;

export type AppOptions = {
  readonly storage: SqliteGraphStorage;
  /** The server's name and its key. */
  readonly signer: Signer;
  /** User IDs by access token. */
  readonly tokens: Readonly<Record<string, string>>;
  /** How other servers are reached. In production, no options are needed. */
  readonly network: Pick<MatrixFederationOptions, 'allowAddresses' | 'dns' | 'tls' | 'wellKnownPort'>;
};

export function createApp(options: AppOptions): { app: Express; close: () => Promise<void> } {
  const { storage, signer, tokens, network } = options;
  const invites = createInviteRouter({
    serverName: signer.serverName,
    storage,
    auth: staticTokens(tokens),
    rateLimit: new MemoryRateLimit(),
    federation: matrixFederation({ signer, rooms: storage, ...network }),
  });
  // Completes the invites that were interrupted by the end of an earlier process.
  void invites.resume();
  const timer = setInterval(() => void invites.resume(), RESUME_INTERVAL_MS);

  const app = express();
  // Matrix clients send invites here.
  app.use('/_matrix/client/v3', invites);
  // Other servers get the public key here, to check the invites.
  app.use(createServerKeyRouter({ signer }));
  return {
    app,
    async close() {
      clearInterval(timer);
      await invites.close();
    },
  };
}
