import { foldCase } from './case-folding.ts';

/** The kinds of addresses that an invite can be sent to. */
export const MEDIA = ['email', 'msisdn'] as const;
export type Medium = (typeof MEDIA)[number];

const MAX_EMAIL_BYTES = 500;

/** With white space, or a special character of RFC 5322, it is more than one address, or not only an address. */
const NOT_IN_EMAIL = /[\s\p{Control}\p{Surrogate}()<>[\]:;,\\"]/u;

/** In a domain, these are letters of their own. Folded, it is the domain of somebody else, who would get the mail. */
const NOT_IN_DOMAIN = /[ßẞς]/u;

/** E.164: a country code, which never starts with 0, and the number. */
const MSISDN = /^[1-9][0-9]{4,14}$/;

/**
 * Returns the canonical form of an address, or `undefined` if it is none: an email address is case-folded, a phone number
 * is reduced to its digits. A phone number must start with the country code.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#3pid-types
 */
export function normalizeAddress(medium: Medium, address: string): string | undefined {
  return medium === 'email' ? normalizeEmail(address) : normalizePhoneNumber(address);
}

/** Returns an address of which only the first characters are left, such as `b…@e…`. */
export function obfuscated(address: string): string {
  return address.replace(/([^@])[^@]*/gu, '$1…');
}

function normalizeEmail(address: string): string | undefined {
  const [localpart, domain, ...more] = address.split('@');
  if (!localpart || !domain || more.length > 0) return undefined;
  if (NOT_IN_EMAIL.test(address) || NOT_IN_DOMAIN.test(domain)) return undefined;
  const folded = foldCase(address);
  return Buffer.byteLength(folded) <= MAX_EMAIL_BYTES ? folded : undefined;
}

function normalizePhoneNumber(address: string): string | undefined {
  const compact = address.replace(/[ -]/g, '');
  // In `+49 (0)30 …`, the 0 is not part of the number.
  if (compact.includes('(0')) return undefined;
  const digits = compact.replace(/[()]/g, '').replace(/^\+/, '');
  return MSISDN.test(digits) ? digits : undefined;
}
