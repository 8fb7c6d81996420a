/**
 * Settles as `work` does, or rejects when the signal is aborted first. The work itself continues, because other callers
 * may wait for it.
 *
 * @param reason makes the error to reject with (default: the signal's own reason)
 */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  reason: () => unknown = () => signal.reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(reason());
    const stopListening = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    work.then(resolve, reject).finally(stopListening);
  });
}

/**
 * Runs work for at most this many milliseconds, even if it ignores its signal.
 *
 * @param reason makes the error to reject with when the time is over
 */
export async function withTimeout<T>(
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
  reason: () => unknown,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  try {
    return await unlessAborted(work(controller.signal), controller.signal, reason);
  } finally {
    clearTimeout(timer);
  }
}
