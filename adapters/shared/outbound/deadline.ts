import { isAborted, onAbort } from '../../../src/internal/call-context.ts';
import type { CallContext } from '../../../src/ports/context.ts';

/**
 * Runs work with a signal that is aborted after this many milliseconds, or at the deadline of the call, if it has one.
 *
 * It does without `AbortSignal.any`: on Node 20, garbage collection loses an `AbortSignal.timeout` that is only inside of
 * it, and the work never ends.
 */
export async function withDeadline<T>(
  milliseconds: number,
  context: CallContext | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, milliseconds);
  const stopListening = context && onAbort(context, abort);
  if (context && isAborted(context)) abort();
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    stopListening?.();
  }
}
