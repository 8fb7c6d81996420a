import { StorageUnavailableError } from '../../../src/errors.ts';

/** @throws {StorageUnavailableError} when the signal is aborted */
export function throwIfOver(signal: AbortSignal): void {
  if (signal.aborted) throw deadlineOver(signal);
}

/** The error of a call that was given up before the store did anything. */
export function deadlineOver(signal: AbortSignal): StorageUnavailableError {
  return new StorageUnavailableError('The deadline passed before the store could be used', {
    cause: signal.reason,
    isNotStored: true,
  });
}
