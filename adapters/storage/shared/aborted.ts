import { StorageUnavailableError } from '../../../src/errors.ts';
import { isAborted } from '../../../src/internal/call-context.ts';
import type { CallContext } from '../../../src/ports/context.ts';

/** @throws {StorageUnavailableError} if the deadline of the call has passed */
export function throwIfAborted(context: CallContext): void {
  if (isAborted(context)) throw abortedError(context);
}

/** Returns the error of a call whose deadline passed before the store did anything. */
export function abortedError({ signal }: CallContext): StorageUnavailableError {
  return new StorageUnavailableError('The deadline passed before the store could be used', {
    cause: signal.reason,
    isNotStored: true,
  });
}
