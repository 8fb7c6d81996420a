import type { KeyObject, webcrypto } from 'node:crypto';
import {
  booleanOption,
  checkOptions,
  functionOption,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import type { AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { ALGORITHM_NAMES, isAlgorithm, type JwtAlgorithm } from './algorithms.ts';
import type { RemoteKeys } from './remote-options.ts';

/**
 * What signatures are checked with:
 * - {@link RemoteKeys}: the issuer's JWKS, fetched and kept
 * - a JWKS (RFC 7517, section 5) of public keys
 * - one key: a public one, or a secret that is shared with the issuer, as long as the hash at least
 */
export type JwtKeys = RemoteKeys | JsonWebKeySet | KeyObject | webcrypto.CryptoKey | Uint8Array;

/** The claims of a token whose signature, issuer, audience and times are good. */
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

/** A JWKS (RFC 7517, section 5). */
export type JsonWebKeySet = { readonly keys: readonly (webcrypto.JsonWebKey & { readonly kid?: string })[] };

/** The options of `jwt`. */
export type JwtOptions = {
  /** What `iss` must be: one of these. Required. */
  readonly issuer: string | readonly string[];
  /** What `aud` must have: one of these. Required. */
  readonly audience: string | readonly string[];
  /** What the header's `alg` must be: one of these, asymmetric ones or `HS…`, not both. Required. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** What signatures are checked with. Required. */
  readonly keys: JwtKeys;
  /**
   * The full Matrix user id of whom the claims are about; undefined or null where it is no user of this server:
   * answered as `unknown`. Beware of claims that are absent: a template makes a valid id of `undefined`. A rejection is
   * answered 503. Required.
   */
  userId(claims: JwtClaims, context: CallContext): MaybePromise<string | undefined | null>;
  /** What the header's `typ` must be, `at+jwt` (RFC 9068) say, in whatever case. Default: anything. */
  readonly typ?: string;
  /** How far the issuer's clock may be from this one, in seconds, for `exp` and `nbf`: 0 to 600. Default 5. */
  readonly clockToleranceSeconds?: number;
  /** Whether a token without `exp`, which is good forever, is `unknown`. Default true. */
  readonly requireExpiry?: boolean;
};

/** The options of `jwt` for a host with requesters of its own. */
export type JwtRequesterOptions<R extends Requester> = JwtOptions & {
  /**
   * What comes of the user whose id `userId` has given: a requester with the host's own fields, or a failure,
   * `{ failure: 'locked' }` say. A rejection is answered 503. Default: a requester who has only the user id.
   */
  requester(user: Requester, claims: JwtClaims, context: CallContext): MaybePromise<AuthResult<R>>;
};

/** @inline */
type MaybePromise<T> = T | Promise<T>;

const isName = (value: unknown) => typeof value === 'string' && value !== '';
const isList = (value: unknown, accepts: (item: unknown) => boolean) =>
  Array.isArray(value) && value.length > 0 && value.every(accepts);

const namesOption = {
  required: true,
  expects: 'a text, or a list of texts, none empty',
  accepts: (value: unknown) => isName(value) || isList(value, isName),
};

const optionChecks: OptionChecks<Partial<JwtRequesterOptions<Requester>>> = {
  issuer: namesOption,
  audience: namesOption,
  algorithms: {
    required: true,
    expects: `a list of at least one of ${ALGORITHM_NAMES.join(', ')}`,
    accepts: (value) => isList(value, isAlgorithm),
  },
  keys: {
    required: true,
    expects: '{ jwksUri }, a JWKS, a KeyObject, a CryptoKey or a Uint8Array',
    accepts: (value) => typeof value === 'object' && value !== null,
  },
  userId: { ...functionOption, required: true },
  typ: { expects: 'a text that is not empty', accepts: isName },
  clockToleranceSeconds: {
    expects: 'a number of seconds from 0 to 600',
    accepts: (value) => typeof value === 'number' && value >= 0 && value <= 600,
  },
  requireExpiry: booleanOption,
  requester: functionOption,
};

/** @throws {TypeError} for an unknown, missing or ill-typed option */
export function checkJwtOptions(options: unknown): void {
  checkOptions('jwt', options, optionChecks);
}
