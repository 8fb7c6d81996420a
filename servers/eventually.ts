import { setTimeout as delay } from 'node:timers/promises';

const MAX_WAIT_MS = 10_000;
const INTERVAL_MS = 25;

/**
 * Resolves once a condition is true. A check that rejects counts as false.
 *
 * @param condition names the condition in the error message
 * @throws {Error} if the condition is still false after 10 seconds
 */
export async function eventually(condition: string, check: () => Promise<boolean>): Promise<void> {
  for (let attempts = 0; attempts < MAX_WAIT_MS / INTERVAL_MS; attempts += 1) {
    if (await check().catch(() => false)) return;
    await delay(INTERVAL_MS);
  }
  throw new Error(`Not true after 10 seconds: ${condition}`);
}
