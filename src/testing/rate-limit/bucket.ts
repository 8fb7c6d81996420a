import { randomUUID } from 'node:crypto';
import type {
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
  RateLimitScope,
} from '../../ports/rate-limit.ts';
import { check } from '../check.ts';
import { deadlineContext } from '../context.ts';
import { range } from '../random.ts';
import type { RateLimitHarness } from './harness.ts';

/** A bucket that no other case uses. */
export function newBucket(scope: RateLimitScope): RateLimitBucket {
  return { scope, key: `${scope === 'room' ? '!' : '@'}${randomUUID()}:example.org` };
}

/** Takes a point of every bucket, if it can. */
export function take(
  { limiter }: Pick<RateLimitHarness, 'limiter'>,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitDecision> {
  return limiter.consume(buckets, deadlineContext());
}

/** As {@link take}, for a call that must be allowed: its receipt. */
export async function takeAllowed(
  harness: RateLimitHarness,
  ...buckets: RateLimitBucket[]
): Promise<{ receipt: unknown }> {
  const decision = await take(harness, ...buckets);
  check(decision.allowed, `a call was refused although its buckets (${namesOf(buckets)}) had points`);
  return { receipt: decision.receipt };
}

/** As {@link take}, for a call that must be refused. */
export async function takeRefused(
  harness: RateLimitHarness,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitDecision & { allowed: false }> {
  const decision = await take(harness, ...buckets);
  check(!decision.allowed, `a call was allowed although one of its buckets (${namesOf(buckets)}) was empty`);
  return decision;
}

export function giveBack({ limiter }: RateLimitHarness, { receipt }: { receipt: unknown }): Promise<void> {
  return limiter.refund(receipt, deadlineContext());
}

/** What the limiter says of a call that is not made. */
export async function look(
  { limiter }: Pick<RateLimitHarness, 'limiter'>,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitForecast> {
  check(limiter.peek !== undefined, 'the harness says that the limiter has peek, but it has not');
  return limiter.peek(buckets, deadlineContext());
}

/** As {@link look}, for a call that would be allowed. */
export async function lookAllowed(harness: RateLimitHarness, ...buckets: RateLimitBucket[]): Promise<void> {
  const { allowed } = await look(harness, ...buckets);
  check(allowed, `peek said refused although the buckets (${namesOf(buckets)}) had points`);
}

/** As {@link look}, for a call that would be refused. */
export async function lookRefused(
  harness: RateLimitHarness,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitForecast & { allowed: false }> {
  const forecast = await look(harness, ...buckets);
  check(!forecast.allowed, `peek said allowed although one of the buckets (${namesOf(buckets)}) was empty`);
  return forecast;
}

/** Uses a bucket up, and counts how many points it still had. */
export async function drain(harness: RateLimitHarness, bucket: RateLimitBucket): Promise<number> {
  const most = harness.points[bucket.scope] * 2 + 10;
  for (let taken = 0; taken < most; taken += 1) {
    if (!(await take(harness, bucket)).allowed) return taken;
  }
  return most;
}

/** How many of racing calls were allowed. */
export async function countAllowed(calls: readonly Promise<RateLimitDecision>[]): Promise<number> {
  return (await Promise.all(calls)).filter(({ allowed }) => allowed).length;
}

/** Makes the same call many times at once. */
export function race(
  count: number,
  call: (index: number) => Promise<RateLimitDecision>,
): Promise<RateLimitDecision>[] {
  return range(count).map(call);
}

function namesOf(buckets: readonly RateLimitBucket[]): string {
  return buckets.map(({ scope }) => scope).join(', ');
}
