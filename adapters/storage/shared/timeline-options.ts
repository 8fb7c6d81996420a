const DEFAULT_LIMIT = 100;

/**
 * Returns the options of `timeline` with their defaults.
 *
 * @throws {RangeError} if a value is not a non-negative integer
 */
export function timelineOptions(options: { readonly after?: number; readonly limit?: number } = {}): {
  after: number;
  limit: number;
} {
  const { after = 0, limit = DEFAULT_LIMIT } = options;
  for (const [name, value] of Object.entries({ after, limit })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`timeline: ${name} must be a non-negative integer, not ${value}`);
    }
  }
  return { after, limit };
}
