import { hash, timingSafeEqual } from 'node:crypto';

/** What is kept of a token: its SHA-256, so that no dump or log shows the token itself. */
export type TokenDigest = Buffer;

/** Whether a value can be a token. UTF-8 has no lone surrogates: all of them would have the same digest. */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed();
}

export function digestOf(token: string): TokenDigest {
  return hash('sha256', token, 'buffer');
}

/** Compares in a time that does not depend on the digests. */
export function isSameDigest(one: TokenDigest, other: TokenDigest): boolean {
  return timingSafeEqual(one, other);
}
