import { providerFault } from './provider-fault.ts';

/**
 * What the provider says of an active token (RFC 7662, section 2.2). The fields named here have these types or are
 * absent; the others are as the provider sent them.
 */
export type IntrospectionClaims = {
  /** Scopes, separated by spaces. */
  readonly scope?: string;
  /** The user's stable id at the provider. Absent where no user is behind the token. */
  readonly sub?: string;
  /** The user's name at the provider, which may change: of Matrix Authentication Service, the localpart. */
  readonly username?: string;
  /** The client that the token was issued to. */
  readonly client_id?: string;
  readonly token_type?: string;
  /** The device, where Matrix Authentication Service names it outside of the scope. */
  readonly device_id?: string;
  /** When the token expires, in seconds since 1970. */
  readonly exp?: number;
  readonly iss?: string;
  readonly [claim: string]: unknown;
};

const TEXTS = ['scope', 'sub', 'username', 'client_id', 'token_type', 'device_id', 'iss'];

/**
 * The claims of an answer that says `active: true`; those that are null count as absent.
 *
 * @throws when a claim has another type than the RFC says: nobody's id may be made of it
 */
export function claimsOf(answer: object): IntrospectionClaims {
  const claims = Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== null));
  const areTexts = TEXTS.every((name) => claims[name] === undefined || typeof claims[name] === 'string');
  const { exp } = claims;
  if (!areTexts || (exp !== undefined && !Number.isFinite(exp))) {
    throw providerFault('its answer has a claim of the wrong type');
  }
  return claims;
}

/**
 * Whether the claims are those of an access token that a bearer may use: no refresh token, and none that is bound to a
 * key (a proof of the key does not come with it).
 *
 * @throws when the claims do not say it, unless `acceptUntyped`
 */
export function isBearerAccessToken(claims: IntrospectionClaims, acceptUntyped: boolean): boolean {
  const { token_type: type, token_use: use, typ, cnf } = claims;
  if (type === undefined && !acceptUntyped) {
    throw providerFault(
      'its answer has no token_type, by which refresh tokens are told (acceptUntypedTokens)',
    );
  }
  // Matrix Authentication Service says "access_token", Ory Hydra has `token_use`, and Keycloak `typ`.
  const isRefreshToken = use === 'refresh_token' || typ === 'Refresh' || typ === 'Offline';
  return /^(?:bearer|access_token)$/i.test(type ?? 'bearer') && !isRefreshToken && cnf === undefined;
}

/** Whether a token has expired, by this machine's clock. */
export function hasExpired({ exp }: IntrospectionClaims): boolean {
  return exp !== undefined && exp * 1000 <= Date.now();
}
