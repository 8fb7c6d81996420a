/** The duration of a claim of an address, in milliseconds. */
export const CLAIM_MS = 60_000;

/**
 * Returns true if a claim lasts. A clock that was set back does not prolong it.
 *
 * @param until the Unix time in milliseconds at which it ends
 */
export function isClaimed(until: number): boolean {
  const left = until - Date.now();
  return left > 0 && left <= CLAIM_MS;
}
