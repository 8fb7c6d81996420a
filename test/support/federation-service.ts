import { matrixFederation } from '../../adapters/federation/matrix.ts';
import type { SqliteGraphStorage } from '../../adapters/storage/sqlite-graph/index.ts';
import { createInviteService, type InviteService } from '../../src/index.ts';
import type { Signer } from '../../src/pdu/index.ts';
import type { TestNetwork } from './federation-inbox.ts';

/** Returns a service of `one.test` that invites users of other servers, with more time than a busy machine takes. */
export function federationService(
  rooms: SqliteGraphStorage,
  signer: Signer,
  network: TestNetwork['options'],
): InviteService {
  const federation = matrixFederation({
    signer,
    rooms,
    maxRequestsPerServer: 64,
    timeoutMs: 120_000,
    ...network,
  });
  return createInviteService({
    serverName: 'one.test',
    storage: rooms,
    rateLimit: false,
    deadlineMs: 60_000,
    federation,
  });
}
