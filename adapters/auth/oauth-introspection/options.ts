import {
  booleanOption,
  checkOptions,
  functionOption,
  integerOption,
  isSecureUrl,
  nonEmptyStringOption,
  type OptionCheck,
  type OptionChecks,
  oneOf,
} from '../../../src/internal/options.ts';
import type { AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { IntrospectionClaims } from './claims.ts';

/** The user of an access token. */
export type OAuthRequester = Requester & {
  /** The device that the token's scope names. */
  readonly deviceId?: string | undefined;
};

/** The address of the provider's introspection endpoint: either its URL, or the issuer that publishes it. */
export type ProviderAddress =
  | {
      /** The provider's issuer URL. Its metadata (OpenID Connect, RFC 8414) is read at the first token. */
      readonly issuer: string;
      readonly introspectionEndpoint?: undefined;
    }
  | {
      readonly issuer?: undefined;
      /** The URL of the introspection endpoint (RFC 7662), for use without discovery. */
      readonly introspectionEndpoint: string;
    };

/** Options for the requests to the provider. */
export type ProviderOptions = ProviderAddress & {
  /** The client ID of this server at the provider. Required. */
  readonly clientId: string;
  /** The secret of that client. Required. */
  readonly clientSecret: string;
  /** The method that sends the secret. Default `client_secret_basic`. */
  readonly clientAuthMethod?: 'client_secret_basic' | 'client_secret_post' | undefined;
  /** The maximum time for a token, in milliseconds, with discovery and time in the queue. Default 3000. */
  readonly timeoutMs?: number | undefined;
  /** The maximum number of concurrent introspections. Further ones wait in a queue. Default 32. */
  readonly maxConcurrent?: number | undefined;
  /**
   * Whether to allow `http:` URLs. Tokens and the secret are then sent in the clear: for tests on one machine.
   * Default false.
   */
  readonly allowInsecureHttp?: boolean | undefined;
};

/** @inline */
type MaybeUserId = string | null | undefined;

/** Options for `oauthIntrospection`, except `requester`. */
export type OAuthIntrospectionOptions = ProviderOptions & {
  /**
   * Returns the full Matrix user ID for the claims, or undefined or null if they name no user of this server (401).
   * Beware of missing claims: a template turns `undefined` into a valid ID. Called on each request. Required.
   */
  readonly userId: (claims: IntrospectionClaims, context: CallContext) => MaybeUserId | Promise<MaybeUserId>;
  /**
   * The time for which a response of the provider is cached, in milliseconds, and for which a revoked token
   * is still accepted. With 0, the provider is asked on each request. A token is never accepted past its
   * expiry. Default 30000.
   */
  readonly cacheMs?: number | undefined;
  /**
   * Whether to accept a token for which the provider returns no `token_type`. Some providers return it for
   * access tokens only: with those, a refresh token would pass for an access token. Default false: such a
   * token leads to a 503.
   */
  readonly acceptUntypedTokens?: boolean | undefined;
  /** The maximum number of active tokens in the cache, and separately of inactive ones. Default 10000. */
  readonly cacheEntries?: number | undefined;
};

/**
 * Returns the result for the user of a token: a requester with the host app's own fields, or a failure such as
 * `locked`. Called on each request, so that its lookups are never out of date.
 */
export type OAuthRequesterOf<R extends Requester> = (
  login: OAuthRequester,
  claims: IntrospectionClaims,
  context: CallContext,
) => AuthResult<R> | Promise<AuthResult<R>>;

/** All options. */
export type FullOptions<R extends Requester> = OAuthIntrospectionOptions & {
  /** Adds the host app's own fields to the requester, or returns a failure. */
  readonly requester?: OAuthRequesterOf<R> | undefined;
};

const issuerOption: OptionCheck = {
  expects: 'an absolute URL as a string, without user name, password, query or fragment',
  accepts: (value) => typeof value === 'string' && isPlainUrl(value),
};

const introspectionEndpointOption: OptionCheck = {
  expects: 'an absolute URL as a string, without user name, password or fragment',
  accepts: (value) => typeof value === 'string' && isPlainUrl(value.replace(/\?.*/, '')),
};

function isPlainUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && username + password + search + hash === '';
}

const optionChecks: OptionChecks<FullOptions<Requester>> = {
  issuer: issuerOption,
  introspectionEndpoint: introspectionEndpointOption,
  clientId: { ...nonEmptyStringOption, required: true },
  clientSecret: { ...nonEmptyStringOption, required: true },
  clientAuthMethod: oneOf('client_secret_basic', 'client_secret_post'),
  userId: { ...functionOption, required: true },
  requester: functionOption,
  timeoutMs: integerOption('milliseconds'),
  maxConcurrent: integerOption('requests'),
  cacheMs: integerOption('milliseconds', 0),
  cacheEntries: integerOption('tokens'),
  acceptUntypedTokens: booleanOption,
  allowInsecureHttp: booleanOption,
};

/**
 * @returns a copy
 * @throws {TypeError} for an unknown or missing option, one of the wrong type, or an insecure URL
 */
export function checkOAuthOptions(options: FullOptions<Requester>): FullOptions<Requester> {
  const checked = checkOptions<FullOptions<Requester>>('oauthIntrospection', options, optionChecks);
  const { issuer, introspectionEndpoint, allowInsecureHttp } = checked;
  const url = issuer ?? introspectionEndpoint;
  if (url === undefined || (issuer !== undefined && introspectionEndpoint !== undefined)) {
    throw new TypeError(
      'oauthIntrospection: option "issuer" or "introspectionEndpoint" is required, not both',
    );
  }
  if (!isSecureUrl(new URL(url), allowInsecureHttp)) {
    const name = issuer === undefined ? 'introspectionEndpoint' : 'issuer';
    throw new TypeError(
      `oauthIntrospection: option "${name}" must be an https: URL, unless "allowInsecureHttp" is true`,
    );
  }
  return checked;
}
