import type { PolicyRefusal } from '../../../src/ports/policy.ts';
import { HttpAntispamError } from './failure.ts';

/** 4xx that speak of the request, the way to the service or its load: they say nothing about the invite. */
const UNDECIDED: ReadonlySet<number> = new Set([401, 404, 405, 408, 413, 415, 421, 425, 426, 429, 431]);

/**
 * Errcodes that complain about the request to the service. To answer the inviter with one of the first three would
 * make clients log out.
 */
const COMPLAINTS: ReadonlySet<unknown> = new Set([
  'M_UNKNOWN_TOKEN',
  'M_MISSING_TOKEN',
  'M_USER_LOCKED',
  'M_UNRECOGNIZED',
  'M_NOT_JSON',
  'M_BAD_JSON',
  'M_MISSING_PARAM',
  'M_INVALID_PARAM',
]);

/** The most characters of the service's text that an inviter is shown. */
const MAX_TEXT_LENGTH = 500;

/** An answer of the service: an HTTP status, and the body as text. */
export type Answer = { readonly status: number; readonly text: string };

/** Whether a status says yes or no to an invite. */
export function isDecisive(status: number): boolean {
  return isAllowed(status) || (status >= 400 && status <= 499 && !UNDECIDED.has(status));
}

/**
 * What the service has decided, by a status that {@link isDecisive}: `undefined` for no objection, or the refusal that
 * it asks for.
 *
 * @throws {HttpAntispamError} when the body is no decision
 */
export function decisionOf({ status, text }: Answer): PolicyRefusal | undefined {
  if (isAllowed(status) && text === '') return undefined;
  const answer = objectOf(text);
  if (answer === undefined) {
    throw new HttpAntispamError('answer', 'The answer of the moderation service is no JSON object', status);
  }
  if (isAllowed(status)) return undefined;
  if (COMPLAINTS.has(answer.errcode)) {
    throw new HttpAntispamError('answer', 'The moderation service did not take the request', status);
  }
  return { errcode: errcodeOf(answer.errcode), message: messageOf(answer.error) };
}

function isAllowed(status: number): boolean {
  return status >= 200 && status <= 299;
}

type Fields = { readonly errcode?: unknown; readonly error?: unknown };

function objectOf(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function errcodeOf(errcode: unknown): string {
  return typeof errcode === 'string' && /^[A-Z0-9_.]{1,100}$/.test(errcode) ? errcode : 'M_FORBIDDEN';
}

function messageOf(error: unknown): string {
  const text =
    typeof error === 'string'
      ? error
          .toWellFormed()
          .replace(/\p{Cc}+/gu, ' ')
          .trim()
      : '';
  return text === '' ? 'The invite was refused' : [...text].slice(0, MAX_TEXT_LENGTH).join('');
}
