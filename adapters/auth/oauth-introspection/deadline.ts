/** Settles as `work` does, or rejects with what `reason` makes when the signal is aborted first. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>, reason: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(reason());
    const done = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    work.then(resolve, reject).finally(done);
  });
}

/** Does some work that takes `ms` milliseconds at the longest, whether it heeds its signal or not. */
export async function withTimeout<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  reason: () => Error,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  try {
    return await unlessAborted(controller.signal, work(controller.signal), reason);
  } finally {
    clearTimeout(timer);
  }
}
