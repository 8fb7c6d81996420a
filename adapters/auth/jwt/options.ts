import type { KeyObject, webcrypto } from 'node:crypto';
import {
  booleanOption,
  checkOptions,
  functionOption,
  integerOption,
  isNonEmptyString,
  isSecureUrl,
  loggerOption,
  nonEmptyStringOption,
  type OptionCheck,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import type { AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import { ALGORITHM_NAMES, isAlgorithm, type JwtAlgorithm } from './algorithms.ts';

/** Options for `jwt`. */
export type JwtOptions = {
  /** The accepted values of `iss`. Required. */
  readonly issuer: string | readonly string[];
  /** The accepted values of `aud`: the token must contain one of them. Required. */
  readonly audience: string | readonly string[];
  /** The accepted values of the header's `alg`: asymmetric algorithms or `HS…`, not both. Required. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** The keys that verify signatures. Required. */
  readonly keys: JwtKeys;
  /**
   * Returns the full Matrix user ID for the claims, or undefined or null if they name no user of this server.
   * The token is then `unknown`. Beware of missing claims: a template turns `undefined` into a valid ID. If
   * it rejects, the router responds with a 503. Required.
   */
  userId(claims: JwtClaims, context: CallContext): MaybePromise<string | undefined | null>;
  /** The required `typ` of the header, such as `at+jwt` (RFC 9068), in any case. Default: anything. */
  readonly typ?: string | undefined;
  /** The tolerated clock difference for `exp` and `nbf`, in seconds, from 0 to 600. Default 5. */
  readonly clockToleranceSeconds?: number | undefined;
  /** Whether a token without `exp`, which never expires, is `unknown`. Default true. */
  readonly requireExpiry?: boolean | undefined;
};

/** Options for `jwt` in a host app that adds fields to its requesters. */
export type JwtRequesterOptions<R extends Requester> = JwtOptions & {
  /**
   * Returns the result for the user whose ID `userId` returned: a requester with the host app's own fields,
   * or a failure such as `{ failure: 'locked' }`. If it rejects, the router responds with a 503. Default: a
   * requester with only the user ID.
   */
  requester(user: Requester, claims: JwtClaims, context: CallContext): MaybePromise<AuthResult<R>>;
};

/**
 * The keys that verify signatures:
 * - {@link RemoteKeys}: the issuer's JWKS, fetched and cached
 * - a JWKS (RFC 7517, section 5) of public keys
 * - a single key: a public key, or a secret shared with the issuer that is at least as long as the hash
 */
export type JwtKeys = RemoteKeys | JsonWebKeySet | KeyObject | webcrypto.CryptoKey | Uint8Array;

/** The issuer's JWKS, fetched when it is first needed, and cached. */
export type RemoteKeys = {
  /** The URL of the JWKS (`jwks_uri` in OpenID Connect Discovery): `https:`, without a password. Required. */
  readonly jwksUri: string | URL;
  /** The maximum time for a fetch, in milliseconds. Default 2000. */
  readonly timeoutMs?: number | undefined;
  /**
   * The time after a fetch, in milliseconds, during which a token whose key is not in the JWKS triggers no
   * new fetch. The token is `unknown`. Default 10,000.
   */
  readonly cooldownMs?: number | undefined;
  /** The age, in milliseconds, at which keys are fetched again. Default 600,000. */
  readonly cacheMaxAgeMs?: number | undefined;
  /**
   * The time beyond `cacheMaxAgeMs`, in milliseconds, for which keys stay in use while they cannot be
   * fetched. A larger value survives longer outages, but also accepts a key for longer after the issuer
   * withdraws it. Default 3,600,000.
   */
  readonly maxStaleMs?: number | undefined;
  /** Whether to allow an `http:` URL: anyone on the network can then log in as anybody. Default false. */
  readonly allowInsecureHttp?: boolean | undefined;
  /**
   * Called once when the JWKS cannot be fetched, and once when it can be fetched again. Default: a warning on
   * the console.
   */
  readonly logger?: Logger | undefined;
};

/** A JWKS (RFC 7517, section 5). */
export type JsonWebKeySet = { readonly keys: readonly (webcrypto.JsonWebKey & { readonly kid?: string })[] };

/** The claims of a token whose signature, issuer, audience and times are valid. */
export type JwtClaims = {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | string[];
  readonly jti?: string;
  readonly nbf?: number;
  readonly exp?: number;
  readonly iat?: number;
  readonly [claim: string]: unknown;
};

/** @inline */
type MaybePromise<T> = T | Promise<T>;

const stringsOption: OptionCheck = {
  required: true,
  expects: 'a non-empty string, or a list of them',
  accepts: (value) => isNonEmptyString(value) || isListOf(value, isNonEmptyString),
};

function isListOf(value: unknown, accepts: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(accepts);
}

const jwtOptionChecks: OptionChecks<Partial<JwtRequesterOptions<Requester>>> = {
  issuer: stringsOption,
  audience: stringsOption,
  algorithms: {
    required: true,
    expects: `a list of at least one of ${ALGORITHM_NAMES.join(', ')}`,
    accepts: (value) => isListOf(value, isAlgorithm),
  },
  keys: {
    required: true,
    expects: '{ jwksUri }, a JWKS, a KeyObject, a CryptoKey or a Uint8Array',
    accepts: (value) => typeof value === 'object' && value !== null,
  },
  userId: { ...functionOption, required: true },
  typ: nonEmptyStringOption,
  clockToleranceSeconds: {
    expects: 'a number of seconds from 0 to 600',
    accepts: (value) => typeof value === 'number' && value >= 0 && value <= 600,
  },
  requireExpiry: booleanOption,
  requester: functionOption,
};

const remoteKeysChecks: OptionChecks<RemoteKeys> = {
  jwksUri: {
    required: true,
    expects: 'a URL',
    accepts: (value) => value instanceof URL || (typeof value === 'string' && URL.canParse(value)),
  },
  timeoutMs: integerOption('milliseconds'),
  cooldownMs: integerOption('milliseconds'),
  cacheMaxAgeMs: integerOption('milliseconds'),
  maxStaleMs: integerOption('milliseconds'),
  allowInsecureHttp: booleanOption,
  logger: loggerOption,
};

/**
 * @returns a copy
 * @throws {TypeError} for an unknown or missing option, or one of the wrong type
 */
export function checkJwtOptions<R extends Requester>(
  options: JwtOptions & Partial<JwtRequesterOptions<R>>,
): JwtOptions & Partial<JwtRequesterOptions<R>> {
  return checkOptions<JwtOptions & Partial<JwtRequesterOptions<R>>>('jwt', options, jwtOptionChecks);
}

/**
 * Checks the option `keys` of a JWKS to fetch.
 *
 * @returns the URL of the JWKS
 * @throws {TypeError} for an unknown option, one of the wrong type, or an insecure URL
 */
export function checkRemoteKeys(keys: RemoteKeys): URL {
  checkOptions('jwt: keys', keys, remoteKeysChecks);
  const url = new URL(keys.jwksUri);
  if (!isSecureUrl(url, keys.allowInsecureHttp)) {
    throw new TypeError(
      'jwt: keys: option "jwksUri" must be an https: URL, unless "allowInsecureHttp" is true',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('jwt: keys: option "jwksUri" must not contain a user name or password');
  }
  return url;
}
