import { type AddressClaim, CLAIM_MS } from '../../../src/ports/pending-address-invites.ts';

/**
 * Returns true if a claim lasts. A clock that was set back does not prolong it.
 *
 * @param until the Unix time in milliseconds at which it ends
 */
export function isClaimed(until: number): boolean {
  const left = until - Date.now();
  return left > 0 && left <= CLAIM_MS;
}

/**
 * Returns the result for a claim that another caller has.
 *
 * @param remainingMs the time until it ends; ignored if a claim cannot last that long, as after a change of the clock
 */
export function inProgress(remainingMs: number): AddressClaim {
  return remainingMs > 0 && remainingMs <= CLAIM_MS
    ? { outcome: 'inProgress', remainingMs }
    : { outcome: 'inProgress' };
}
