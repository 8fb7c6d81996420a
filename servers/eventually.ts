import { setTimeout as delay } from 'node:timers/promises';

/** Shorter than the timeout of a test, whose error would not name the condition. */
const MAX_WAIT_MS = 100_000;
const INTERVAL_MS = 25;

/**
 * Resolves once a condition is true. A check that rejects counts as false.
 *
 * @param condition names the condition in the error message
 * @throws {Error} if the condition is still false after 100 seconds
 */
export async function eventually(condition: string, check: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + MAX_WAIT_MS;
  while (performance.now() < until) {
    if (await check().catch(() => false)) return;
    await delay(INTERVAL_MS);
  }
  throw new Error(`Not true after 100 seconds: ${condition}`);
}
