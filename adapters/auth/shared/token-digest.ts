import { hash, timingSafeEqual } from 'node:crypto';

/** The SHA-256 of a token, stored in its place so that no dump or log shows the token itself. */
export type TokenDigest = Buffer;

/**
 * Returns true for a non-empty, well-formed string without white space at its ends. UTF-8 cannot encode lone
 * surrogates: all of them would have the same digest. A header cannot carry such white space, which is usually the
 * newline at the end of the file that the token was read from.
 */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed() && value === value.trim();
}

export function digestOf(token: string): TokenDigest {
  return hash('sha256', token, 'buffer');
}

/** Compares in constant time. */
export function isSameDigest(one: TokenDigest, other: TokenDigest): boolean {
  return timingSafeEqual(one, other);
}
