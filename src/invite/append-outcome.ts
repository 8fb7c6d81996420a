import { isStorageUnavailable } from '../errors.ts';
import { readable } from '../internal/thrown.ts';
import type { AppendResult } from '../ports/storage.ts';

/**
 * - `unknown`: the store could not say whether it stored the event.
 * - `failed`: the store failed, and certainly did not store it.
 */
export type AppendOutcome =
  | AppendResult
  | { readonly outcome: 'unknown' | 'failed'; readonly cause: unknown };

/** Returns the outcome of an append that failed. */
export function failedAppend(thrown: unknown): AppendOutcome {
  const cause = readable(thrown);
  const isNotStored = isStorageUnavailable(cause) && cause.isNotStored;
  return { outcome: isNotStored ? 'failed' : 'unknown', cause };
}
