import { setTimeout as delay } from 'node:timers/promises';
import type { MatrixError } from '../errors.ts';
import type { Deadline } from './deadline.ts';
import { hostFailure } from './refusals.ts';

/**
 * The maximum number of tries while the room keeps changing. After that, the result is a 503, or a failed invite in
 * `resume`.
 */
export const MAX_TRIES = 10;

/**
 * Waits for a random time, longer with each try, so that racing requests spread out.
 *
 * @param tries the number of tries so far
 * @throws (rejects) when the time is over
 */
export async function waitBeforeRetry(tries: number, deadline: Deadline): Promise<void> {
  const maxMs = Math.min(100, 2 ** tries);
  await deadline.race(delay(Math.random() * maxMs));
}

/** Returns the 503 to throw after the last try. Its cause is the store's error, or that the room changed each time. */
export function triesFailed(cause?: unknown): MatrixError {
  return hostFailure(cause ?? new Error(`The room changed during each of ${MAX_TRIES} tries`));
}
