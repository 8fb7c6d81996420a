import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until the work is done, for at most `timeoutMs` milliseconds.
 *
 * @param what names the work in the error message
 * @throws {Error} (rejects) when the time is over
 */
export async function within<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  const cancel = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: cancel.signal }).then(() => {
    throw new Error(`${what} did not finish within ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel.abort();
    await late.catch(() => {});
  }
}
