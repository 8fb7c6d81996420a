import type { AuthAdapter } from 'express-matrix-invite';
import { oauthIntrospection } from 'express-matrix-invite/auth/oauth-introspection';
import { type OAuthClient, SERVER_NAME, timeLimits } from './config.ts';

/** Carol has no rate limit, so that the demo can send many invites at once. */
const EXEMPT_USERNAME = 'carol';

export const userIdOf = (username: string): string => `@${username}:${SERVER_NAME}`;

/** Logins by access tokens, which the OAuth provider introspects. */
export function createAuth({ issuer, clientId, clientSecret }: OAuthClient): AuthAdapter {
  return oauthIntrospection({
    issuer,
    clientId,
    clientSecret,
    timeoutMs: timeLimits.loginMs,
    // The demo's own provider has no certificate. Its traffic never leaves this machine.
    allowInsecureHttp: new URL(issuer).hostname === '127.0.0.1',
    userId: ({ username }) => username && userIdOf(username),
    requester: (login) => ({
      requester: { ...login, isRateLimitExempt: login.userId === userIdOf(EXEMPT_USERNAME) },
    }),
  });
}
