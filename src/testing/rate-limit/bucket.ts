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

/** Returns a bucket that no other case uses. */
export function newBucket(scope: RateLimitScope): RateLimitBucket {
  return { scope, key: `${scope === 'room' ? '!' : '@'}${randomUUID()}:example.org` };
}

/** Consumes a point from every bucket, if all have one. */
export function consume(
  { limiter }: Pick<RateLimitHarness, 'limiter'>,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitDecision> {
  return limiter.consume(buckets, deadlineContext());
}

/** Makes a {@link consume} call that must be allowed, and returns its receipt. */
export async function consumeAllowed(
  harness: RateLimitHarness,
  ...buckets: RateLimitBucket[]
): Promise<{ receipt: unknown }> {
  const decision = await consume(harness, ...buckets);
  check(decision.allowed, `a call was refused although its buckets (${namesOf(buckets)}) had points`);
  return { receipt: decision.receipt };
}

/** Makes a {@link consume} call that must be refused. */
export async function consumeRefused(
  harness: RateLimitHarness,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitDecision & { allowed: false }> {
  const decision = await consume(harness, ...buckets);
  check(!decision.allowed, `a call was allowed although one of its buckets (${namesOf(buckets)}) was empty`);
  return decision;
}

export function refund({ limiter }: RateLimitHarness, { receipt }: { receipt: unknown }): Promise<void> {
  return limiter.refund(receipt, deadlineContext());
}

/** Returns the limiter's forecast for a call. */
export async function peek(
  { limiter }: Pick<RateLimitHarness, 'limiter'>,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitForecast> {
  check(limiter.peek !== undefined, 'the harness sets peek, but the limiter has no method peek');
  return limiter.peek(buckets, deadlineContext());
}

/** Makes a {@link peek} call that must resolve allowed. */
export async function peekAllowed(harness: RateLimitHarness, ...buckets: RateLimitBucket[]): Promise<void> {
  const { allowed } = await peek(harness, ...buckets);
  check(allowed, `peek resolved refused although the buckets (${namesOf(buckets)}) had points`);
}

/** Makes a {@link peek} call that must resolve refused. */
export async function peekRefused(
  harness: RateLimitHarness,
  ...buckets: RateLimitBucket[]
): Promise<RateLimitForecast & { allowed: false }> {
  const forecast = await peek(harness, ...buckets);
  check(
    !forecast.allowed,
    `peek resolved allowed although one of the buckets (${namesOf(buckets)}) was empty`,
  );
  return forecast;
}

/** Uses up a bucket, and returns the number of points that it still had. */
export async function drain(harness: RateLimitHarness, bucket: RateLimitBucket): Promise<number> {
  const most = harness.points[bucket.scope] * 2 + 10;
  for (let consumed = 0; consumed < most; consumed += 1) {
    if (!(await consume(harness, bucket)).allowed) return consumed;
  }
  return most;
}

/** Returns the number of racing calls that were allowed. */
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
