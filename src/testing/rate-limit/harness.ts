import { setTimeout as delay } from 'node:timers/promises';
import type { RateLimitAdapter, RateLimitScope } from '../../ports/rate-limit.ts';
import { caseMaker, type DefineCase } from '../contract.ts';
import { HarnessFailure } from '../harness-failure.ts';

/** The rate limit contract's view of an adapter: the adapter and its configuration. */
export type RateLimitHarness = {
  readonly limiter: RateLimitAdapter;
  /** The points of each scope: at least 2, but few, since the cases use them up one by one. */
  readonly points: Readonly<Record<RateLimitScope, number>>;
  /**
   * The window of each scope, in milliseconds. Without `advance`, the cases really wait: use windows of one
   * to three seconds, long enough to use up all points in half of one.
   */
  readonly windowMs: Readonly<Record<RateLimitScope, number>>;
  /** Advances the adapter's clock. Default: the cases wait. */
  advance?(ms: number): void | Promise<void>;
  /** Returns another adapter with the same store and limits, like one in another process. */
  secondInstance?(): Promise<RateLimitAdapter>;
  /** The limiter has the optional method `peek`. */
  readonly peek?: true;
  /** The limiter has the optional method `consumeKeeping`. */
  readonly consumeKeeping?: true;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the rate limit contract. */
export const rateLimitCase: DefineCase<RateLimitHarness> = caseMaker();

export const SCOPES: readonly RateLimitScope[] = ['attempt', 'inviter', 'room', 'invitee'];

const LONGEST_WAIT_MS = 20_000;

/** Advances the adapter's clock, or waits. */
export async function pass(harness: RateLimitHarness, ms: number): Promise<void> {
  const whole = Math.ceil(ms);
  if (harness.advance !== undefined) {
    await harness.advance(whole);
    return;
  }
  if (whole > LONGEST_WAIT_MS) {
    const cause = `without advance, the case would wait ${whole} ms: use shorter windows`;
    throw new HarnessFailure('windowMs', cause);
  }
  await delay(whole);
}

/** Waits until the windows of these scopes have ended. */
export function passWindows(harness: RateLimitHarness, scopes: readonly RateLimitScope[]): Promise<void> {
  return pass(harness, Math.max(...scopes.map((scope) => harness.windowMs[scope])) * 1.1 + 20);
}
