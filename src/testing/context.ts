import type { CallContext } from '../ports/context.ts';

/**
 * Returns the context of a call with a deadline.
 *
 * @param timeoutMs the time until the deadline, in milliseconds (default 30,000, so that no case fails on a
 *   slow machine)
 */
export function deadlineContext(timeoutMs = 30_000): CallContext {
  return { signal: AbortSignal.timeout(timeoutMs) };
}

/** Returns the context of a call whose deadline passed before it started. */
export function abortedContext(): CallContext {
  return { signal: AbortSignal.abort() };
}
