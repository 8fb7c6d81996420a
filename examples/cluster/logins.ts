import type { AuthAdapter } from 'express-matrix-invite';
import { oauthIntrospection } from 'express-matrix-invite/auth/oauth-introspection';
import { CAROL } from '../quickstart/rooms.ts';
import { type Credentials, userIdOf } from './oauth-settings.ts';
import { timeLimits } from './time-limits.ts';

/** The provider, and who we are there. */
export type OAuth = Credentials & { readonly issuer: string };

/** Whose access token it is, by the OAuth provider, which all processes ask. */
export function loginsBy({ issuer, clientId, clientSecret }: OAuth): AuthAdapter {
  return oauthIntrospection({
    issuer,
    clientId,
    clientSecret,
    timeoutMs: timeLimits.loginMs,
    // The demo's own provider has no certificate; what stays on this machine needs none.
    allowInsecureHttp: new URL(issuer).hostname === '127.0.0.1',
    userId: ({ username }) => username && userIdOf(username),
    // No rate limit counts Carol, so that she can race.
    requester: (login) => ({ requester: { ...login, isRateLimitExempt: login.userId === CAROL } }),
  });
}
