/** Does nothing. Recognized by identity, so that no log line is built just to be discarded. */
export function noop(): void {}

/** Returns true for a promise of any kind. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { readonly then?: unknown }).then === 'function'
  );
}

/**
 * Handles the rejection of a result that nothing awaits. A host function that returns nothing may be `async` all the
 * same, and an unhandled rejection would end the process. It creates no promise for any other result.
 *
 * @param result what the host function returned
 * @param report called with the reason of the rejection (default: ignores it)
 */
export function handleRejection(result: unknown, report: (reason: unknown) => void = noop): void {
  if (isThenable(result)) Promise.resolve(result).then(noop, report);
}

/**
 * Ignores the rejections in a result that is not valid: a host that forgets `await` returns a promise, or an object or a
 * list with promises in it. The mistake is reported elsewhere, and must not end the process too.
 */
export function ignoreRejections(invalid: unknown): void {
  handleRejection(invalid);
  if (typeof invalid !== 'object' || invalid === null) return;
  for (const part of Object.values(invalid)) handleRejection(part);
}
