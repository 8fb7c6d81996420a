import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { checkedUserId } from '../shared/user-id.ts';
import { keySourceOf } from './keys.ts';
import { checkJwtOptions, type JwtOptions, type JwtRequesterOptions } from './options.ts';
import { type Expected, type KeySource, verify } from './verify.ts';

export type { JwtAlgorithm } from './algorithms.ts';
export type {
  JsonWebKeySet,
  JwtClaims,
  JwtKeys,
  JwtOptions,
  JwtRequesterOptions,
  RemoteKeys,
} from './options.ts';

/**
 * Authenticates access tokens that are signed JWTs (RFC 7519). Verifies them locally, with the `jose`
 * package.
 *
 * ```ts
 * createInviteRouter({
 *   auth: jwt({
 *     issuer: 'https://login.example.org/',
 *     audience: 'https://chat.example.org',
 *     algorithms: ['RS256'],
 *     keys: { jwksUri: 'https://login.example.org/jwks.json' },
 *     userId: ({ sub }) => (/^[a-z0-9]+$/.test(sub ?? '') ? `@${sub}:example.org` : undefined),
 *   }),
 *   …
 * });
 * ```
 *
 * - A token that is valid except for its `exp` is `expired` (soft logout). Any other invalid token is
 *   `unknown`: wrong form, algorithm, signature, issuer, audience, type or `nbf`, a missing `exp`, or no user
 *   for its claims.
 * - Rejects (503) if the key for a token cannot be fetched: the keys were never fetched or are too old, or
 *   the token's key is not among them, and the JWKS cannot be fetched. Tokens signed with known keys stay
 *   valid in the meantime.
 * - A revoked token stays valid until its `exp`, unless `requester` returns a failure.
 *
 * Fetches nothing before the first token arrives, and runs at most one fetch at a time, however many callers
 * wait for it. A caller's deadline ends only that caller's wait. No error contains a token or its claims.
 *
 * @throws {TypeError} for an option that is unknown, missing or of the wrong type; for HS algorithms combined
 *   with others; for keys that are private, too short or do not fit the algorithms; for an insecure `jwksUri`
 * @see [errors, jwt](../../../docs/errors.md#jwt)
 */
export function jwt<R extends Requester>(options: JwtRequesterOptions<R>): AuthAdapter<R>;
export function jwt(options: JwtOptions): AuthAdapter;
export function jwt<R extends Requester>(options: JwtOptions & Partial<JwtRequesterOptions<R>>): AuthAdapter {
  return new JwtAuth(checkJwtOptions(options));
}

class JwtAuth<R extends Requester> implements AuthAdapter {
  readonly #keys: KeySource;
  readonly #expected: Expected;
  readonly #userId: JwtOptions['userId'];
  readonly #requester: JwtRequesterOptions<R>['requester'] | undefined;

  constructor(options: JwtOptions & Partial<JwtRequesterOptions<R>>) {
    const { issuer, audience, algorithms, keys, typ } = options;
    const { clockToleranceSeconds = 5, requireExpiry = true } = options;
    this.#keys = keySourceOf(keys, algorithms);
    this.#expected = {
      issuer: [issuer].flat(),
      audience: [audience].flat(),
      algorithms: [...algorithms],
      clockTolerance: clockToleranceSeconds,
      requiredClaims: requireExpiry ? ['exp'] : [],
      typ,
    };
    this.#userId = options.userId;
    this.#requester = options.requester;
  }

  async authenticate({ accessToken }: AuthRequest, context: CallContext): Promise<AuthResult> {
    const verified = await verify(accessToken, this.#keys, this.#expected, context.signal);
    if ('failure' in verified) return verified;
    const { claims } = verified;
    const userId = checkedUserId('jwt', await this.#userId(claims, context));
    if (userId === undefined) return { failure: 'unknown' };
    if (this.#requester === undefined) return { requester: { userId } };
    return await this.#requester({ userId }, claims, context);
  }
}
