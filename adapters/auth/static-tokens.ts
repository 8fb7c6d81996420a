import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../src/ports/auth.ts';
import { isUserId } from '../../src/rooms/identifiers.ts';
import { digestOf, isSameDigest, isToken, type TokenDigest } from './shared/token-digest.ts';

/**
 * Access tokens with their owners. An owner is a full user ID, or a requester, which may have the host app's
 * own fields.
 */
export type StaticTokens<Owner extends string | Requester = string | Requester> =
  | Readonly<Record<string, Owner>>
  | Iterable<readonly [accessToken: string, owner: Owner]>;

/** The requester for an owner: a user ID becomes a requester with only that. */
export type OwnerRequester<Owner extends string | Requester> = Owner extends Requester ? Owner : Requester;

/**
 * Authenticates a fixed list of access tokens, for tests and demos.
 *
 * ```ts
 * createInviteRouter({
 *   auth: staticTokens({
 *     'token-of-alice': '@alice:example.org',
 *     'token-of-guest': { userId: '@guest:example.org', isGuest: true },
 *   }),
 *   …
 * });
 * ```
 *
 * Stores only SHA-256 digests of the tokens, so that no dump or log of the adapter shows one. Tokens must
 * match exactly. Each request compares all of them, so the list should be short. Later changes to `tokens`
 * have no effect.
 *
 * @throws {TypeError} for a token that is empty, malformed (a lone surrogate) or repeated, and for an owner
 *   without a valid user ID. The message numbers the entry and never quotes it.
 * @see [errors, staticTokens](../../docs/errors.md#statictokens)
 */
export function staticTokens<Owner extends string | Requester>(
  tokens: StaticTokens<Owner>,
): AuthAdapter<OwnerRequester<Owner>> {
  return new StaticTokenAuth(entriesOf(tokens));
}

type Entry<R extends Requester> = { readonly digest: TokenDigest; readonly requester: R };

class StaticTokenAuth<R extends Requester> implements AuthAdapter<R> {
  readonly #entries: readonly Entry<R>[];

  constructor(entries: readonly Entry<R>[]) {
    this.#entries = entries;
  }

  async authenticate({ accessToken }: AuthRequest): Promise<AuthResult<R>> {
    const entry = accessToken.isWellFormed() && find(this.#entries, digestOf(accessToken));
    return entry ? { requester: entry.requester } : { failure: 'unknown' };
  }
}

function entriesOf<Owner extends string | Requester>(
  tokens: StaticTokens<Owner>,
): readonly Entry<OwnerRequester<Owner>>[] {
  const entries: Entry<OwnerRequester<Owner>>[] = [];
  for (const [index, pair] of pairsOf(tokens).entries()) {
    // Not even the owner may be quoted: if the two are swapped, it is the token.
    const what = `staticTokens: entry ${index + 1}`;
    if (!Array.isArray(pair)) throw new TypeError(`${what} must be a pair of an access token and its owner`);
    const [accessToken, owner] = pair;
    if (!isToken(accessToken))
      throw new TypeError(
        `${what} must have a non-empty, well-formed access token without white space at its ends`,
      );
    const requester = requesterOf(owner);
    if (!hasUserId(requester)) throw new TypeError(`${what} must have an owner with a full Matrix user ID`);
    const digest = digestOf(accessToken);
    if (find(entries, digest)) throw new TypeError(`${what} repeats the access token of an earlier entry`);
    entries.push({ digest, requester });
  }
  return entries;
}

function pairsOf<Owner extends string | Requester>(
  tokens: StaticTokens<Owner>,
): readonly (readonly [string, Owner])[] {
  if (!isObject(tokens)) {
    throw new TypeError(
      'staticTokens: the argument must be an object of access tokens and owners, or an iterable of pairs',
    );
  }
  return isIterable(tokens) ? [...tokens] : Object.entries(tokens);
}

function isIterable<Owner extends string | Requester>(
  tokens: StaticTokens<Owner>,
): tokens is Iterable<readonly [string, Owner]> {
  return Symbol.iterator in tokens;
}

function requesterOf<Owner extends string | Requester>(owner: Owner): OwnerRequester<Owner> {
  return (typeof owner === 'string' ? Object.freeze({ userId: owner }) : owner) as OwnerRequester<Owner>;
}

function hasUserId(requester: unknown): boolean {
  if (!isObject(requester) || !('userId' in requester)) return false;
  return typeof requester.userId === 'string' && isUserId(requester.userId);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function find<R extends Requester>(entries: readonly Entry<R>[], digest: TokenDigest): Entry<R> | undefined {
  return entries.find((entry) => isSameDigest(entry.digest, digest));
}
