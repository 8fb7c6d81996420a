import { MatrixError } from '../../../src/errors.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { isUserId } from '../../../src/rooms/identifiers.ts';
import { keySourceOf } from './key-source.ts';
import type { KeySource } from './keys.ts';
import { checkJwtOptions, type JwtOptions, type JwtRequesterOptions } from './options.ts';
import { type Expected, verify } from './verify.ts';

export type { JwtAlgorithm } from './algorithms.ts';
export type { JsonWebKeySet, JwtClaims, JwtKeys, JwtOptions, JwtRequesterOptions } from './options.ts';
export type { RemoteKeys } from './remote-options.ts';

/**
 * Logins by access tokens that are signed JWTs (RFC 7519), checked here and now, with the `jose` package.
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
 * - A good token whose time is over is `expired` (soft logout); whatever else is wrong with one is `unknown`: its
 *   form, algorithm, signature, issuer, audience, type, `nbf`, a missing `exp`, no user for it.
 * - It rejects (503) when the key for a token cannot be had: keys were never fetched or are too old, or the token's
 *   key is not among them, and the JWKS cannot be fetched. Tokens by keys that are known are good throughout.
 * - A token that is withdrawn is good until its `exp`: only `requester` can say otherwise.
 *
 * Nothing is fetched before the first token comes. One call at most is out at a time, however many wait for it; the
 * deadline of one who waits ends that wait only. No error tells of a token or its claims.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option; HS algorithms beside others; keys that are private,
 *   too short or do not fit the algorithms; a `jwksUri` that is not safe
 * @see [errors, jwt](../../../docs/errors.md#jwt)
 */
export function jwt<R extends Requester>(options: JwtRequesterOptions<R>): AuthAdapter<R>;
export function jwt(options: JwtOptions): AuthAdapter;
export function jwt<R extends Requester>(options: JwtOptions & Partial<JwtRequesterOptions<R>>): AuthAdapter {
  checkJwtOptions(options);
  return new JwtAuth(options);
}

class JwtAuth<R extends Requester> implements AuthAdapter {
  readonly #keys: KeySource;
  readonly #expected: Expected;
  readonly #userId: JwtOptions['userId'];
  readonly #requester: JwtRequesterOptions<R>['requester'] | undefined;

  constructor(options: JwtOptions & Partial<JwtRequesterOptions<R>>) {
    const {
      issuer,
      audience,
      algorithms,
      keys,
      typ,
      clockToleranceSeconds = 5,
      requireExpiry = true,
    } = options;
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
    const userId = await this.#userId(claims, context);
    if (userId === undefined || userId === null) return { failure: 'unknown' };
    if (typeof userId !== 'string' || !isUserId(userId)) throw notUserId();
    if (this.#requester === undefined) return { requester: { userId } };
    return await this.#requester({ userId }, claims, context);
  }
}

/** A fault of the program, which trying again does not mend. Its text must not tell what came instead. */
function notUserId(): MatrixError {
  const cause = new TypeError('jwt: option "userId" must give a full Matrix user id, or undefined');
  return new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}
