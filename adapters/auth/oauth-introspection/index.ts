import { MatrixError } from '../../../src/errors.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { isUserId } from '../../../src/rooms/identifiers.ts';
import { Answers } from './answers.ts';
import { hasExpired, type IntrospectionClaims, isBearerAccessToken } from './claims.ts';
import { unlessAborted } from './deadline.ts';
import {
  checkArguments,
  type FullOptions,
  type OAuthIntrospectionOptions,
  type OAuthRequester,
  type OAuthRequesterOf,
} from './options.ts';
import { Provider } from './provider.ts';
import { providerFault } from './provider-fault.ts';
import { matrixAccessOf } from './scope.ts';

export type { IntrospectionClaims } from './claims.ts';
export type {
  OAuthIntrospectionOptions,
  OAuthRequester,
  OAuthRequesterOf,
  ProviderAddress,
  ProviderOptions,
} from './options.ts';

/**
 * Logins by Matrix's OAuth 2.0 API (client-server API 1.15): asks the provider whose an access token is, by token
 * introspection (RFC 7662).
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
 * The token must have the scope `urn:matrix:client:api:*` (or `…:api:guest`, for a guest), in the stable form or in
 * that of MSC2967; the requester's `deviceId` is that of the scope `urn:matrix:client:device:<id>`.
 *
 * It resolves `unknown` for a token that the provider calls inactive, that is for something else, or of no user here;
 * `expired` for one that is beyond its `exp`. It rejects when the provider cannot tell: when it is down, late, refuses
 * this server's own credentials, or answers what is no introspection response. The error has the code
 * `ERR_OAUTH_PROVIDER`, and no text of the provider's.
 *
 * With `requester`, a host adds fields of its own, or says no.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option, and for an `http:` URL without `allowInsecureHttp`
 * @see [errors, oauthIntrospection](../../../docs/errors.md#oauthintrospection)
 */
export function oauthIntrospection<R extends Requester>(
  options: OAuthIntrospectionOptions & { readonly requester: OAuthRequesterOf<R> },
): AuthAdapter<R>;
export function oauthIntrospection(
  options: OAuthIntrospectionOptions & { readonly requester?: undefined },
): AuthAdapter<OAuthRequester>;
export function oauthIntrospection(options: FullOptions<Requester>): AuthAdapter {
  checkArguments(options);
  return new OAuthIntrospectionAuth({ ...options });
}

// What a Bearer token can be made of (RFC 6749, A.12, without the space), and how long Node lets a header be.
const ACCESS_TOKEN = /^[!-~]{1,16384}$/;

class OAuthIntrospectionAuth implements AuthAdapter {
  readonly #userId: OAuthIntrospectionOptions['userId'];
  readonly #requester: OAuthRequesterOf<Requester>;
  readonly #acceptUntypedTokens: boolean;
  readonly #answers: Answers;

  constructor(options: FullOptions<Requester>) {
    const { userId, requester = (login) => ({ requester: login }) } = options;
    const { cacheMs = 30_000, cacheEntries = 10_000 } = options;
    const provider = new Provider(options);
    this.#userId = userId;
    this.#requester = requester;
    this.#acceptUntypedTokens = options.acceptUntypedTokens ?? false;
    this.#answers = new Answers((accessToken) => provider.introspect(accessToken), cacheMs, cacheEntries);
  }

  async authenticate({ accessToken }: AuthRequest, context: CallContext): Promise<AuthResult> {
    if (!ACCESS_TOKEN.test(accessToken)) return { failure: 'unknown' };
    context.signal.throwIfAborted();
    const late = () => providerFault('no answer within the deadline of the request');
    const answer = await unlessAborted(context.signal, this.#answers.of(accessToken), late);
    return answer.active ? this.#judge(answer.claims, context) : { failure: 'unknown' };
  }

  async #judge(remembered: IntrospectionClaims, context: CallContext): Promise<AuthResult> {
    const access = matrixAccessOf(remembered);
    if (access === undefined || !isBearerAccessToken(remembered, this.#acceptUntypedTokens)) {
      return { failure: 'unknown' };
    }
    if (hasExpired(remembered)) return { failure: 'expired' };
    // A host's function may change what it gets; what is remembered must stay.
    const claims = structuredClone(remembered);
    const userId = await this.#userId(claims, context);
    if (userId === undefined || userId === null) return { failure: 'unknown' };
    if (typeof userId !== 'string' || !isUserId(userId)) throw noUserId();
    return this.#requester({ userId, ...access }, claims, context);
  }
}

/** A fault of the host's code, and no outage. */
function noUserId(): MatrixError {
  const cause = new TypeError(
    'oauthIntrospection: userId must give a full Matrix user ID, @localpart:domain, or undefined',
  );
  return new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}
