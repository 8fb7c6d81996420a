import type { KeyObject } from 'node:crypto';
import type {
  CompactJWSHeaderParameters,
  CryptoKey,
  errors,
  FlattenedJWSInput,
  JWTVerifyOptions,
} from 'jose';
import { jose } from './jose.ts';
import type { JwtClaims } from './options.ts';

/** The requirements for a token, as options for jose. */
export type Expected = JWTVerifyOptions & { readonly issuer: string[] };

export type Verified = { readonly claims: JwtClaims } | { readonly failure: 'unknown' | 'expired' };

export type TokenHeader = CompactJWSHeaderParameters;

/** Finds the key that verifies a token. */
export interface KeySource {
  /** Rejects if there are no keys to search. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Rejects with jose's `JWKSNoMatchingKey` or `JWKSMultipleMatchingKeys` unless exactly one key matches. */
  keyFor(header: TokenHeader, token: FlattenedJWSInput): Promise<CryptoKey | KeyObject>;
  /** Gets newer keys. Resolves to false if there cannot be any. Rejects if that is unknown. */
  refetch(signal: AbortSignal): Promise<boolean>;
}

const UNKNOWN: Verified = { failure: 'unknown' };

/** Node accepts at most this many bytes of headers. */
const MAX_TOKEN_LENGTH = 16_384;

/** Checks a token: its form, its signature and its claims. Rejects if the key for it cannot be fetched. */
export async function verify(
  token: string,
  keys: KeySource,
  expected: Expected,
  signal: AbortSignal,
): Promise<Verified> {
  signal.throwIfAborted();
  if (!isCanonical(token) || !isFromIssuer(token, expected.issuer)) return UNKNOWN;
  const attempt = () => verifyOnce(token, keys, expected, signal);
  const first = await attempt();
  const verified = first === 'noKey' && (await keys.refetch(signal)) ? await attempt() : first;
  if (typeof verified === 'string') return UNKNOWN;
  return 'claims' in verified && !hasStringIds(verified.claims) ? UNKNOWN : verified;
}

/**
 * Returns true for a compact JWS whose signature has its only canonical encoding. jose also accepts
 * signatures with white space, padding or spare bits, which would give one token many forms.
 */
function isCanonical(token: string): boolean {
  if (token.length > MAX_TOKEN_LENGTH) return false;
  const signature = /^[\w-]+\.[\w-]+\.([\w-]+)$/.exec(token)?.[1];
  return signature !== undefined && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

/** Reads the unverified issuer, so that a token from another issuer never triggers a fetch of keys. */
function isFromIssuer(token: string, issuers: readonly string[]): boolean {
  try {
    return issuers.includes(jose.decodeJwt(token).iss ?? '');
  } catch {
    return false;
  }
}

/** jose does not check these two: a number or a list as `sub` would become part of a user ID. */
function hasStringIds({ sub, jti }: Record<string, unknown>): boolean {
  return [sub, jti].every((id) => id === undefined || typeof id === 'string');
}

async function verifyOnce(
  token: string,
  keys: KeySource,
  expected: Expected,
  signal: AbortSignal,
): Promise<Verified | 'badSignature' | 'noKey'> {
  let hasKeyId = true;
  const findKey = async (header: TokenHeader, jws: FlattenedJWSInput) => {
    hasKeyId = header.kid !== undefined;
    await keys.prepare(signal);
    return await keys.keyFor(header, jws).catch(rethrowKeyError);
  };
  try {
    return { claims: (await jose.jwtVerify(token, findKey, expected)).payload };
  } catch (error) {
    if (error instanceof jose.errors.JWKSNoMatchingKey) return 'noKey';
    const verified =
      error instanceof jose.errors.JWKSMultipleMatchingKeys
        ? await verifyWithAny(token, error, expected)
        : verdictOn(error);
    // Without a key ID, the signature may belong to a newer key.
    return verified === 'badSignature' && !hasKeyId ? 'noKey' : verified;
  }
}

/**
 * Wraps jose's error for an unusable key of the JWKS, so that it is never mistaken for a fault of the token.
 */
function rethrowKeyError(error: unknown): never {
  const isAboutToken =
    error instanceof jose.errors.JWKSNoMatchingKey || error instanceof jose.errors.JWKSMultipleMatchingKeys;
  throw isAboutToken ? error : new Error('A key in the JWKS cannot be used', { cause: error });
}

/** Tries each key of a JWKS that matches a token, for example if the token has no key ID. */
async function verifyWithAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  expected: Expected,
): Promise<Verified | 'badSignature'> {
  for await (const key of candidates) {
    try {
      return { claims: (await jose.jwtVerify(token, key, expected)).payload };
    } catch (error) {
      const verdict = verdictOn(error);
      if (verdict !== 'badSignature') return verdict;
    }
  }
  return 'badSignature';
}

/** Returns what an error of jose says about the token. Rethrows an error that is not about the token. */
function verdictOn(error: unknown): Verified | 'badSignature' {
  if (error instanceof jose.errors.JWSSignatureVerificationFailed) return 'badSignature';
  // jose checks `exp` last, once everything else is valid.
  if (error instanceof jose.errors.JWTExpired) return { failure: 'expired' };
  if (error instanceof jose.errors.JOSEError) return UNKNOWN;
  throw error;
}
