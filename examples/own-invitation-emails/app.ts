// The code that you would write: an Express app that invites by email address, without an identity server.
import express, { type Express } from 'express';
import { createInviteRouter, createInviteService, isMatrixError } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import type { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import type { Invitations } from './invitations.ts';

export type AppOptions = {
  readonly serverName: string;
  readonly storage: SqliteStorage;
  /** User IDs by access token. */
  readonly tokens: Readonly<Record<string, string>>;
  /** The key of the hashes that are stored in place of addresses. Never change it. */
  readonly secret: Uint8Array;
  readonly invitations: Invitations;
};

export function createApp(options: AppOptions): { app: Express; close: () => Promise<void> } {
  const { serverName, storage, tokens, secret, invitations } = options;
  const common = {
    serverName,
    storage,
    thirdParty: { identity: invitations, pending: storage, secret },
  };
  const invites = createInviteRouter({
    ...common,
    auth: staticTokens(tokens),
    rateLimit: new MemoryRateLimit(),
  });
  // Invites by the app itself have no rate limits.
  const service = createInviteService({ ...common, rateLimit: false });

  /** Turns the invitations of an address into invites of its owner. */
  async function inviteOwner(userId: string, address: string): Promise<void> {
    for (const invitation of invitations.waitingFor(address)) {
      const { roomId, token, sender } = invitation;
      const requester = { userId: sender };
      try {
        // Ends the pending invitation. If somebody has already revoked it, nobody is invited.
        const { outcome } = await service.revokeAddressInvite({ requester, roomId, token });
        if (outcome === 'revoked') await service.invite({ requester, roomId, userId });
      } catch (error) {
        // The inviter has left the room, or may no longer invite.
        if (!isMatrixError(error) || error.status >= 500) throw error;
      }
      invitations.forget(invitation);
    }
  }

  const app = express();
  // Matrix clients send invites here.
  app.use('/_matrix/client/v3', invites);
  // Your own page, where a user who has signed up enters the code from the email.
  app.post('/confirm', express.json(), async (request, response) => {
    const userId = tokens[request.get('Authorization')?.replace('Bearer ', '') ?? ''];
    const address = userId && invitations.confirm(userId, String(request.body?.code));
    if (!userId || !address) {
      response.status(403).json({ confirmed: false });
      return;
    }
    await inviteOwner(userId, address);
    response.json({ confirmed: true });
  });
  return {
    app,
    async close() {
      await Promise.all([invites.close(), service.close()]);
    },
  };
}
