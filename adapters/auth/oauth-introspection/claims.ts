import { providerError } from './provider-http.ts';

/**
 * The provider's claims about an active token (RFC 7662, section 2.2). The fields named here have these types
 * or are absent. Other fields are as the provider sent them.
 */
export type IntrospectionClaims = {
  /** Scopes, separated by spaces. */
  readonly scope?: string;
  /** The user's stable ID at the provider. Absent if the token belongs to no user. */
  readonly sub?: string;
  /** The user's name at the provider, which may change. Matrix Authentication Service sends the localpart. */
  readonly username?: string;
  /** The client that the token was issued to. */
  readonly client_id?: string;
  readonly token_type?: string;
  /** The device, if Matrix Authentication Service sends it outside of the scope. */
  readonly device_id?: string;
  /** The expiry time of the token, in seconds since 1970. */
  readonly exp?: number;
  readonly iss?: string;
  readonly [claim: string]: unknown;
};

const STRING_CLAIMS = ['scope', 'sub', 'username', 'client_id', 'token_type', 'device_id', 'iss'];

/**
 * Returns the claims of a response with `active: true`. A claim that is null counts as absent.
 *
 * @throws if a claim does not have the type that the RFC requires: no user ID may be made from it
 */
export function claimsOf(response: object): IntrospectionClaims {
  const claims = Object.fromEntries(Object.entries(response).filter(([, value]) => value !== null));
  const areStrings = STRING_CLAIMS.every(
    (name) => claims[name] === undefined || typeof claims[name] === 'string',
  );
  const { exp } = claims;
  if (!areStrings || (exp !== undefined && !Number.isFinite(exp))) {
    throw providerError('the response has a claim of the wrong type');
  }
  return claims;
}

/**
 * Returns true for an access token that any bearer may use. Refresh tokens are not, nor are tokens bound to a
 * key: the proof of the key is not part of the request.
 *
 * @throws if the claims do not say which kind of token it is, unless `acceptUntyped` is true
 */
export function isBearerAccessToken(claims: IntrospectionClaims, acceptUntyped: boolean): boolean {
  const { token_type: type, token_use: use, typ, cnf } = claims;
  if (type === undefined && !acceptUntyped) {
    throw providerError(
      'the response has no token_type, which identifies refresh tokens (acceptUntypedTokens)',
    );
  }
  // Matrix Authentication Service says "access_token", Ory Hydra has `token_use`, and Keycloak `typ`.
  const isRefreshToken = use === 'refresh_token' || typ === 'Refresh' || typ === 'Offline';
  return /^(?:bearer|access_token)$/i.test(type ?? 'bearer') && !isRefreshToken && cnf === undefined;
}

/** Returns true if a token has expired, by the clock of this machine. */
export function hasExpired({ exp }: IntrospectionClaims): boolean {
  return exp !== undefined && exp * 1000 <= Date.now();
}

/** Access to the client-server API, as a user or as a guest, with at most one device. */
export type MatrixAccess = { readonly isGuest: boolean; readonly deviceId?: string };

// The second prefix is from MSC2967, before Matrix 1.15. Clients and providers still send it.
const SCOPE_PREFIXES = ['urn:matrix:client:', 'urn:matrix:org.matrix.msc2967.client:'];

const MAX_DEVICE_ID_LENGTH = 255;

/**
 * Reads the access that a token's scope grants (client-server API, "Scope").
 *
 * @returns undefined if the token is not for the client-server API, or is for several devices
 */
export function matrixAccessOf({ scope = '', device_id }: IntrospectionClaims): MatrixAccess | undefined {
  const granted = new Set(scope.split(' ').flatMap(withoutPrefix));
  const isUser = granted.has('api:*');
  if (!isUser && !granted.has('api:guest')) return undefined;
  const devices = device_id === undefined ? [...granted].flatMap(deviceOf) : [device_id];
  if (devices.length > 1 || !devices.every(isDeviceId)) return undefined;
  const [deviceId] = devices;
  return { isGuest: !isUser, ...(deviceId !== undefined && { deviceId }) };
}

/** A scope that is present with both prefixes counts once. */
function withoutPrefix(scope: string): string[] {
  return SCOPE_PREFIXES.flatMap((prefix) => (scope.startsWith(prefix) ? scope.slice(prefix.length) : []));
}

function deviceOf(scope: string): string[] {
  return scope.startsWith('device:') ? [scope.slice('device:'.length)] : [];
}

function isDeviceId(value: string): boolean {
  return value !== '' && value.length <= MAX_DEVICE_ID_LENGTH;
}
