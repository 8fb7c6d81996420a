/** Does nothing. Recognized by identity, so that no log line is built just to be discarded. */
export function noop(): void {}

/** Returns true for a promise of any kind. Never throws, not even for an object whose `then` cannot be read. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof partOf(value, 'then') === 'function';
}

/** Returns a property of a value, or undefined if it cannot be read. */
function partOf(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
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
  try {
    for (const name of Object.keys(invalid)) handleRejection(partOf(invalid, name));
  } catch {
    // A revoked Proxy has no parts.
  }
}
