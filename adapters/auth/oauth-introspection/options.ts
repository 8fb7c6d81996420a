import {
  booleanOption,
  checkOptions,
  functionOption,
  integerOption,
  type OptionCheck,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import type { AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { IntrospectionClaims } from './claims.ts';

/** Who asks, as far as the access token says it. */
export type OAuthRequester = Requester & {
  /** The device that the token is bound to, by its scope. */
  readonly deviceId?: string;
};

/** Where the provider's introspection endpoint is: it is named, or its issuer is, who says it. */
export type ProviderAddress =
  | {
      /** The provider's issuer URL. Its metadata are read at the first token (OpenID Connect Discovery, RFC 8414). */
      readonly issuer: string;
      readonly introspectionEndpoint?: undefined;
    }
  | {
      readonly issuer?: undefined;
      /** The URL of the introspection endpoint (RFC 7662). Nothing is discovered. */
      readonly introspectionEndpoint: string;
    };

/** How the provider is asked. */
export type ProviderOptions = ProviderAddress & {
  /** The client as which the provider knows this server. Required. */
  readonly clientId: string;
  /** That client's secret. Required. */
  readonly clientSecret: string;
  /** How the secret is sent: `client_secret_basic` or `client_secret_post`. Default `client_secret_basic`. */
  readonly clientAuthMethod?: 'client_secret_basic' | 'client_secret_post';
  /** How long a token may take, discovery included, in milliseconds. Default 3000. */
  readonly timeoutMs?: number;
  /** How many tokens the provider is asked about at once; further ones wait, within `timeoutMs`. Default 32. */
  readonly maxConcurrent?: number;
  /** Whether URLs may be `http:`. Tokens and the secret then go in clear: for tests on one machine. Default false. */
  readonly allowInsecureHttp?: boolean;
};

/** @inline */
type MaybeUserId = string | null | undefined;

/** The options of `oauthIntrospection`, `requester` apart. */
export type OAuthIntrospectionOptions = ProviderOptions & {
  /**
   * The full Matrix id of the user whom the claims name; undefined or null for a token of no user here (401). Beware
   * of claims that are absent: a template makes a valid id of `undefined`. Asked at each request. Required.
   */
  readonly userId: (claims: IntrospectionClaims, context: CallContext) => MaybeUserId | Promise<MaybeUserId>;
  /**
   * How long an answer of the provider counts, in milliseconds, and so how long a revoked token is still taken; 0
   * asks at each request. A token is never taken beyond its expiry. Default 30000.
   */
  readonly cacheMs?: number;
  /**
   * Whether a token counts of which the provider gives no `token_type`. Some providers give it of access tokens only:
   * there refresh tokens would pass for access tokens. Default false: such a token is answered 503.
   */
  readonly acceptUntypedTokens?: boolean;
  /** How many active tokens are remembered, and how many inactive ones; the oldest go first. Default 10000. */
  readonly cacheEntries?: number;
};

/**
 * Makes the result of what the token says, with a host's own fields or with a failure (`locked`, say). Asked at each
 * request, so that what it looks up is never out of date.
 */
export type OAuthRequesterOf<R extends Requester> = (
  login: OAuthRequester,
  claims: IntrospectionClaims,
  context: CallContext,
) => AuthResult<R> | Promise<AuthResult<R>>;

/** All options. */
export type FullOptions<R extends Requester> = OAuthIntrospectionOptions & {
  /** What becomes of a login: the host's own fields are added, or it is a failure. */
  readonly requester?: OAuthRequesterOf<R>;
};

const filledText: OptionCheck = {
  expects: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
};

const urlOption: OptionCheck = {
  expects: 'an absolute URL, without user, query and fragment',
  accepts: (value) => typeof value === 'string' && isPlainUrl(value),
};

const optionChecks: OptionChecks<FullOptions<Requester>> = {
  issuer: urlOption,
  introspectionEndpoint: {
    expects: 'an absolute URL, without user and fragment',
    accepts: (value) => typeof value === 'string' && isPlainUrl(value.replace(/\?.*/, '')),
  },
  clientId: { ...filledText, required: true },
  clientSecret: { ...filledText, required: true },
  clientAuthMethod: {
    expects: '"client_secret_basic" or "client_secret_post"',
    accepts: (value) => value === 'client_secret_basic' || value === 'client_secret_post',
  },
  userId: { ...functionOption, required: true },
  requester: functionOption,
  timeoutMs: integerOption('milliseconds'),
  maxConcurrent: integerOption('requests'),
  cacheMs: {
    expects: 'a whole number of milliseconds from 0 to 2147483647',
    accepts: (value) => value === 0 || integerOption('milliseconds').accepts(value),
  },
  cacheEntries: integerOption('tokens'),
  acceptUntypedTokens: booleanOption,
  allowInsecureHttp: booleanOption,
};

/** @throws {TypeError} for an unknown, missing or ill-typed option, and for a URL that would send secrets in clear */
export function checkArguments(options: unknown): void {
  checkOptions('oauthIntrospection', options, optionChecks);
  const { issuer, introspectionEndpoint, allowInsecureHttp = false } = options;
  const url = issuer ?? introspectionEndpoint;
  if (url === undefined || (issuer !== undefined && introspectionEndpoint !== undefined)) {
    throw new TypeError(
      'oauthIntrospection: option "issuer" or "introspectionEndpoint" is required, not both',
    );
  }
  if (!allowInsecureHttp && new URL(url).protocol === 'http:') {
    throw new TypeError('oauthIntrospection: URLs must be https:, unless allowInsecureHttp is true');
  }
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === '';
}
