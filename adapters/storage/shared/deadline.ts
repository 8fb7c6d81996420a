import { StorageUnavailableError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { DeadlineContext } from '../../../src/ports/deadline-context.ts';

/** @throws {StorageUnavailableError} when the signal is aborted */
export function throwIfOver(signal: AbortSignal): void {
  if (signal.aborted) throw deadlineOver(signal);
}

/**
 * As {@link throwIfOver}, for stores that need the signal for nothing else: none is made for them.
 *
 * @throws {StorageUnavailableError} when the context's signal is aborted
 */
export function throwIfLate(context: CallContext): void {
  if (DeadlineContext.isAborted(context)) throw deadlineOver(context.signal);
}

/** The error of a call that was given up before the store did anything. */
export function deadlineOver(signal: AbortSignal): StorageUnavailableError {
  return new StorageUnavailableError('The deadline passed before the store could be used', {
    cause: signal.reason,
    isNotStored: true,
  });
}
