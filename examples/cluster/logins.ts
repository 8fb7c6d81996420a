import type { AuthAdapter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { CAROL, TOKENS } from '../quickstart/rooms.ts';

/** Whose access token it is, the same in every process. A host asks its own sessions here, or its login server. */
export const auth: AuthAdapter = staticTokens({
  ...TOKENS,
  // No rate limit counts her, so that she can race.
  'carol-token': { userId: CAROL, isRateLimitExempt: true },
});
