import { types } from 'node:util';
import { isInviteNotSent, isStorageUnavailable } from '../errors.ts';
import { isAggregateError, readable } from './thrown.ts';

/** The names of the errors that the language itself throws for mistakes in code. */
const FAULT_NAMES: ReadonlySet<string> = new Set([
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]);

/** The maximum length of a chain of causes: a chain can be circular. */
const MAX_CAUSES = 10;

/**
 * Returns true for an error that means a mistake in a host function, which a retry does not fix: one of JavaScript's own
 * errors, such as a TypeError, or the SyntaxError of `JSON.parse`. Anything else can be an outage.
 *
 * `fetch` rejects with a TypeError when a service cannot be reached, and its `cause` says why. So such an error with a
 * cause is a fault only if its cause is one too.
 */
export function isFault(error: unknown): boolean {
  return isFaultWithin(error, MAX_CAUSES);
}

function isFaultWithin(thrown: unknown, causes: number): boolean {
  const error = readable(thrown);
  // Not `instanceof`: the error may come from another realm, such as a test runner's.
  if (causes === 0 || !types.isNativeError(error)) return false;
  if (isAggregateError(error)) {
    return error.errors.length > 0 && error.errors.every((each) => isFaultWithin(each, causes - 1));
  }
  if (isStorageUnavailable(error) || isInviteNotSent(error)) return isFaultWithin(error.cause, causes - 1);
  return FAULT_NAMES.has(error.name) && (error.cause === undefined || isFaultWithin(error.cause, causes - 1));
}
