import { setTimeout as delay } from 'node:timers/promises';
import type { RateLimitAdapter, RateLimitScope } from '../../ports/rate-limit.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** What the rate limit contract needs: an adapter, and how it was set up. */
export type RateLimitHarness = {
  readonly limiter: RateLimitAdapter;
  /** Points of each scope: at least 2, and few, since the cases use them up one by one. */
  readonly points: Readonly<Record<RateLimitScope, number>>;
  /**
   * Window of each scope, in milliseconds. Without `advance` the cases really wait: give windows of one to three
   * seconds, long enough to use up all points in half of one.
   */
  readonly windowMs: Readonly<Record<RateLimitScope, number>>;
  /** Turns the adapter's clock forward. Default: the cases wait. */
  advance?(ms: number): void | Promise<void>;
  /** Another adapter on the same store and with the same limits, as another process would have. */
  secondInstance?(): Promise<RateLimitAdapter>;
  /** The limiter has the optional method `peek`. */
  readonly peek?: true;
  /** Frees what the harness holds. */
  close?(): Promise<void>;
};

/** Makes a case of the rate limit contract. */
export const rateLimitCase: DefineCase<RateLimitHarness> = caseMaker();

export const SCOPES: readonly RateLimitScope[] = ['attempt', 'inviter', 'room', 'invitee'];

const LONGEST_WAIT_MS = 20_000;

/** Lets time go by. */
export async function pass(harness: RateLimitHarness, ms: number): Promise<void> {
  const whole = Math.ceil(ms);
  if (harness.advance !== undefined) {
    await harness.advance(whole);
    return;
  }
  if (whole > LONGEST_WAIT_MS)
    throw new Error(`without advance the case would wait ${whole} ms: shorten windowMs`);
  await delay(whole);
}

/** Lets the windows of all the scopes end. */
export function passWindows(harness: RateLimitHarness, scopes: readonly RateLimitScope[]): Promise<void> {
  return pass(harness, Math.max(...scopes.map((scope) => harness.windowMs[scope])) * 1.1 + 20);
}
