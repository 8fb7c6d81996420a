import { decodeJwt, errors, type FlattenedJWSInput, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { KeySource, TokenHeader } from './keys.ts';
import type { JwtClaims } from './options.ts';

/** What a token must be, in jose's words. */
export type Expected = JWTVerifyOptions & { readonly issuer: string[] };

export type Verified = { readonly claims: JwtClaims } | { readonly failure: 'unknown' | 'expired' };

const UNKNOWN: Verified = { failure: 'unknown' };

/** Node takes no more than this many bytes of headers. */
const MAX_TOKEN_LENGTH = 16_384;

/**
 * Checks a token: its form, its signature and its claims.
 *
 * @throws (rejects) when the key for it cannot be had
 */
export async function verify(
  token: string,
  keys: KeySource,
  expected: Expected,
  signal: AbortSignal,
): Promise<Verified> {
  signal.throwIfAborted();
  if (!isWellFormed(token) || !isOfIssuer(token, expected.issuer)) return UNKNOWN;
  const attempt = () => verifyOnce(token, keys, expected, signal);
  const first = await attempt();
  const verified = first === 'noKey' && (await keys.renew(signal)) ? await attempt() : first;
  if (typeof verified === 'string') return UNKNOWN;
  return 'claims' in verified && !hasTextsAsIds(verified.claims) ? UNKNOWN : verified;
}

/** jose leaves these two as they are: a number or a list as `sub` would become part of a user id. */
function hasTextsAsIds({ sub, jti }: Record<string, unknown>): boolean {
  return [sub, jti].every((id) => id === undefined || typeof id === 'string');
}

/**
 * Whether it is a compact JWS as its issuer wrote it. jose also reads signatures with white space, padding or other
 * spare bits, so that one token would have many forms.
 */
function isWellFormed(token: string): boolean {
  if (token.length > MAX_TOKEN_LENGTH) return false;
  const signature = /^[\w-]+\.[\w-]+\.([\w-]+)$/.exec(token)?.[1];
  return signature !== undefined && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

/** A token of somebody else is no reason to ask for keys, whatever its signature. */
function isOfIssuer(token: string, issuers: readonly string[]): boolean {
  try {
    return issuers.includes(decodeJwt(token).iss ?? '');
  } catch {
    return false;
  }
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
    return await keys.keyFor(header, jws).catch(rethrowOfKeys);
  };
  try {
    return { claims: (await jwtVerify(token, findKey, expected)).payload };
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return 'noKey';
    const verified =
      error instanceof errors.JWKSMultipleMatchingKeys
        ? await verifyWithAny(token, error, expected)
        : failureOf(error);
    // Without a key id, only its signature could say that it is by a newer key.
    return verified === 'badSignature' && !hasKeyId ? 'noKey' : verified;
  }
}

/** A key of the JWKS that cannot be used says nothing of the token, in whatever words jose puts it. */
function rethrowOfKeys(error: unknown): never {
  const isOfToken =
    error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
  throw isOfToken ? error : new Error('A key of the JWKS cannot be used', { cause: error });
}

/** A JWKS may have several keys that a token can be by: when it names none, say. */
async function verifyWithAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  expected: Expected,
): Promise<Verified | 'badSignature'> {
  for await (const key of candidates) {
    try {
      return { claims: (await jwtVerify(token, key, expected)).payload };
    } catch (error) {
      const failure = failureOf(error);
      if (failure !== 'badSignature') return failure;
    }
  }
  return 'badSignature';
}

/** @throws what is no fault of the token */
function failureOf(error: unknown): Verified | 'badSignature' {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'badSignature';
  // jose looks at `exp` when all else is good.
  if (error instanceof errors.JWTExpired) return { failure: 'expired' };
  if (error instanceof errors.JOSEError) return UNKNOWN;
  throw error;
}
