import { StorageUnavailableError } from '../../../src/errors.ts';
import { DeadlineContext } from '../../../src/internal/call-context.ts';
import type { CallContext } from '../../../src/ports/context.ts';

/**
 * For stores that need a context's signal for nothing else: none is made for them.
 *
 * @throws {StorageUnavailableError} when the signal is aborted
 */
export function throwIfLate(context: CallContext): void {
  if (isLate(context)) throw deadlineOver(context);
}

export function isLate(context: CallContext): boolean {
  return DeadlineContext.isAborted(context);
}

/**
 * Calls once the signal is aborted from now on.
 *
 * @returns a function that must be called once there is nothing to listen for any more
 */
export function onceLate(context: CallContext, listener: () => void): () => void {
  return DeadlineContext.onAbort(context, listener);
}

/** The error of a call that was given up before the store did anything. */
export function deadlineOver({ signal }: CallContext): StorageUnavailableError {
  return new StorageUnavailableError('The deadline passed before the store could be used', {
    cause: signal.reason,
    isNotStored: true,
  });
}

/** The context of a call that gets none: it is given up after that many milliseconds. */
export function contextFor(milliseconds: number): CallContext {
  return { signal: AbortSignal.timeout(milliseconds) };
}
