import type { CallContext } from '../ports/context.ts';

/**
 * The context of a call that has this long to answer.
 *
 * @param timeoutMs milliseconds (default 30,000, so that a slow machine breaks no case)
 */
export function deadlineContext(timeoutMs = 30_000): CallContext {
  return { signal: AbortSignal.timeout(timeoutMs) };
}

/** The context of a call whose deadline is over before it starts. */
export function abortedContext(): CallContext {
  return { signal: AbortSignal.abort() };
}
