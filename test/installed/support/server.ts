import type { AuthAdapter, AuthResult, InviteRouterOptions } from 'express-matrix-invite';
import { ALICE, listening, portOf, setUp, silent } from '../../http/support.ts';

/** An access token for each outcome of authentication. */
const results: Readonly<Record<string, AuthResult>> = {
  'alice-token': { requester: { userId: ALICE } },
  'guest-token': { requester: { userId: ALICE, isGuest: true } },
  'suspended-token': { requester: { userId: ALICE, isSuspended: true } },
  'expired-token': { failure: 'expired' },
  'locked-token': { failure: 'locked' },
};

const auth: AuthAdapter = {
  async authenticate({ accessToken }) {
    if (accessToken === 'outage-token') throw new Error('authentication is down');
    return results[accessToken] ?? { failure: 'unknown' };
  },
};

/** Starts a server with the router, for clients to call. */
export async function serve(options: Partial<InviteRouterOptions> = {}) {
  const { app, store } = setUp({ auth, logger: silent, ...options });
  return { baseUrl: `http://127.0.0.1:${portOf(await listening(app))}`, store };
}
