/**
 * Returns the status of an error by Express's conventions: its `status`, or else its `statusCode`.
 *
 * @param max the highest status that counts. The lowest is 400.
 * @returns undefined if neither of them counts
 */
export function errorStatusOf(thrown: unknown, max: 499 | 599): number | undefined {
  const { status, statusCode } = (thrown ?? {}) as {
    readonly status?: unknown;
    readonly statusCode?: unknown;
  };
  return [status, statusCode].find((value): value is number => isErrorStatus(value) && value <= max);
}

export function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599;
}
