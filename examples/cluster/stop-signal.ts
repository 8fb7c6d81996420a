/**
 * A shell that runs npx sends Ctrl-C to npx, to tsx and to us, and the first two pass it on: signals that come within
 * this time, in milliseconds, are one.
 */
const SAME_SIGNAL_MS = 1_000;

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP (the terminal is closed); a second one ends this process at once, and
 * what it has started.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (): void => {
      firstAt ??= performance.now();
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      resolve();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  });
}
