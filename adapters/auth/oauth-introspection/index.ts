import { unlessAborted } from '../../../src/internal/waits.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { checkedUserId } from '../shared/user-id.ts';
import { hasExpired, isBearerAccessToken, matrixAccessOf } from './claims.ts';
import { IntrospectionCache } from './introspection-cache.ts';
import {
  checkOAuthOptions,
  type FullOptions,
  type OAuthIntrospectionOptions,
  type OAuthRequester,
  type OAuthRequesterOf,
} from './options.ts';
import { Provider } from './provider.ts';
import { providerError } from './provider-http.ts';

export type { IntrospectionClaims } from './claims.ts';
export type {
  OAuthIntrospectionOptions,
  OAuthRequester,
  OAuthRequesterOf,
  ProviderAddress,
  ProviderOptions,
} from './options.ts';

/**
 * Authenticates access tokens of Matrix's OAuth 2.0 API (client-server API 1.15): asks the provider about
 * each token, by token introspection (RFC 7662).
 *
 * ```ts
 * createInviteRouter({
 *   auth: oauthIntrospection({
 *     issuer: 'https://account.example.org/',
 *     clientId,
 *     clientSecret,
 *     userId: ({ username }) => username && `@${username}:example.org`,
 *   }),
 *   …
 * });
 * ```
 *
 * The token must have the scope `urn:matrix:client:api:*` (or `…:api:guest`, for a guest), in its stable form
 * or in that of MSC2967. The requester's `deviceId` comes from the scope `urn:matrix:client:device:<id>`.
 *
 * A token is `unknown` if the provider calls it inactive, if it is for something else, or if it belongs to no
 * user of this server. It is `expired` past its `exp`. Rejects if the provider gives no usable response: it
 * is down, too slow, rejects this server's own credentials, or returns something that is not an introspection
 * response. The error has the code `ERR_OAUTH_PROVIDER` and never quotes the provider.
 *
 * With `requester`, a host app adds its own fields, or returns a failure.
 *
 * @throws {TypeError} for an option that is unknown, missing or of the wrong type, and for an `http:` URL
 *   without `allowInsecureHttp`
 * @see [errors, oauthIntrospection](../../../docs/errors.md#oauthintrospection)
 */
export function oauthIntrospection<R extends Requester>(
  options: OAuthIntrospectionOptions & { readonly requester: OAuthRequesterOf<R> },
): AuthAdapter<R>;
export function oauthIntrospection(
  options: OAuthIntrospectionOptions & { readonly requester?: undefined },
): AuthAdapter<OAuthRequester>;
export function oauthIntrospection(options: FullOptions<Requester>): AuthAdapter {
  return new OAuthIntrospectionAuth(checkOAuthOptions(options));
}

/** The characters of a Bearer token (RFC 6749, A.12, without the space), up to Node's limit for headers. */
const ACCESS_TOKEN = /^[!-~]{1,16384}$/;

class OAuthIntrospectionAuth implements AuthAdapter {
  readonly #provider: Provider;
  readonly #cache: IntrospectionCache;
  readonly #acceptUntypedTokens: boolean;
  readonly #userId: OAuthIntrospectionOptions['userId'];
  readonly #requester: OAuthRequesterOf<Requester>;

  constructor(options: FullOptions<Requester>) {
    const { acceptUntypedTokens = false, cacheMs = 30_000, cacheEntries = 10_000 } = options;
    this.#provider = new Provider(options);
    this.#cache = new IntrospectionCache(cacheMs, cacheEntries);
    this.#acceptUntypedTokens = acceptUntypedTokens;
    this.#userId = options.userId;
    this.#requester = options.requester ?? ((login) => ({ requester: login }));
  }

  async authenticate({ accessToken }: AuthRequest, context: CallContext): Promise<AuthResult> {
    if (!ACCESS_TOKEN.test(accessToken)) return { failure: 'unknown' };
    context.signal.throwIfAborted();
    const introspecting = this.#cache.get(accessToken, () => this.#provider.introspect(accessToken));
    const introspection = await unlessAborted(introspecting, context.signal, late);
    if (!introspection.active) return { failure: 'unknown' };
    const access = matrixAccessOf(introspection.claims);
    if (access === undefined) return { failure: 'unknown' };
    if (!isBearerAccessToken(introspection.claims, this.#acceptUntypedTokens)) return { failure: 'unknown' };
    if (hasExpired(introspection.claims)) return { failure: 'expired' };
    // The host app's functions may change the claims that they get. The cached ones must not change.
    const claims = structuredClone(introspection.claims);
    const userId = checkedUserId('oauthIntrospection', await this.#userId(claims, context));
    if (userId === undefined) return { failure: 'unknown' };
    return this.#requester({ userId, ...access }, claims, context);
  }
}

function late(): Error {
  return providerError('no response within the deadline of the request');
}
