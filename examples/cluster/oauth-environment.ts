import { CannotStart } from './cannot-start.ts';
import type { OAuth } from './logins.ts';
import type { Tokens } from './oauth.ts';

/** Tokens of another provider are not ours to know: whoever pastes the commands sets these. */
export const TOKEN_VARIABLES: Tokens = {
  alice: '$ALICE_TOKEN',
  bob: '$BOB_TOKEN',
  carol: '$CAROL_TOKEN',
  dave: '$DAVE_TOKEN',
};

/**
 * The provider that the environment names, if it does.
 *
 * @throws {CannotStart} when it names half of one
 */
export function oauthOf(environment: NodeJS.ProcessEnv): OAuth | undefined {
  const { OAUTH_ISSUER: issuer, OAUTH_CLIENT_ID: clientId, OAUTH_CLIENT_SECRET: clientSecret } = environment;
  if (issuer && clientId && clientSecret) {
    if (URL.canParse(issuer)) return { issuer, clientId, clientSecret };
    throw new CannotStart('OAUTH_ISSUER must be a URL');
  }
  if (!issuer && !clientId && !clientSecret) return undefined;
  throw new CannotStart(
    'OAUTH_ISSUER, OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET go together: set all of them, or none',
  );
}
