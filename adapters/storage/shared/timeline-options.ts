const DEFAULT_LIMIT = 100;

/**
 * The options of `timeline` with their defaults.
 *
 * @throws {RangeError} when a value is not a whole number from 0 on
 */
export function timelineOptions(options: { readonly after?: number; readonly limit?: number } = {}): {
  after: number;
  limit: number;
} {
  const { after = 0, limit = DEFAULT_LIMIT } = options;
  for (const [name, value] of Object.entries({ after, limit })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`timeline: ${name} must be a whole number from 0 on, not ${value}`);
    }
  }
  return { after, limit };
}
