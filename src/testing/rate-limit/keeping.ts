import type { RateLimitBucket, RateLimitDecision } from '../../ports/rate-limit.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { countAllowed, drain, newBucket, race } from './bucket.ts';
import { type RateLimitHarness, rateLimitCase } from './harness.ts';

type Buckets = readonly RateLimitBucket[];

function consumeKeeping(
  { limiter }: Pick<RateLimitHarness, 'limiter'>,
  kept: Buckets,
  refundable: Buckets,
): Promise<RateLimitDecision> {
  check(
    limiter.consumeKeeping !== undefined,
    'the harness sets consumeKeeping, but the limiter has no such method',
  );
  return limiter.consumeKeeping(kept, refundable, deadlineContext());
}

export const keepingCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'consumes a point of every bucket of both lists',
    postcondition: 'consumeKeeping 8',
    requires: 'consumeKeeping',
    async run(harness) {
      const [kept, other] = [newBucket('attempt'), newBucket('inviter')];
      const decision = await consumeKeeping(harness, [kept], [other]);
      check(decision.allowed, 'consumeKeeping refused although every bucket had points');
      checkSame(await drain(harness, kept), harness.points.attempt - 1, 'points left of the kept bucket');
      checkSame(await drain(harness, other), harness.points.inviter - 1, 'points left of the other bucket');
    },
  }),
  rateLimitCase({
    name: 'consumes nothing if a bucket of either list is empty',
    postcondition: 'consumeKeeping 8',
    requires: 'consumeKeeping',
    async run(harness) {
      for (const empty of ['kept', 'refundable'] as const) {
        const [kept, other] = [newBucket('attempt'), newBucket('inviter')];
        const [emptied, full] = empty === 'kept' ? [kept, other] : [other, kept];
        await drain(harness, emptied);
        const decision = await consumeKeeping(harness, [kept], [other]);
        check(!decision.allowed, `consumeKeeping allowed although a ${empty} bucket was empty`);
        checkSame(decision.scope, emptied.scope, 'scope of the refusal');
        checkSame(await drain(harness, full), harness.points[full.scope], 'points left of the other bucket');
      }
    },
  }),
  rateLimitCase({
    name: 'never allows more than the points of a kept bucket, however many calls race',
    postcondition: 'consumeKeeping 8',
    requires: 'consumeKeeping',
    async run(harness) {
      const kept = newBucket('attempt');
      const points = harness.points.attempt;
      const calls = race(points * 3, () => consumeKeeping(harness, [kept], [newBucket('room')]));
      check((await countAllowed(calls)) <= points, 'more calls were allowed than the kept bucket had points');
    },
  }),
  rateLimitCase({
    name: 'refunds the points of the second list only',
    postcondition: 'consumeKeeping 9',
    requires: 'consumeKeeping',
    async run(harness) {
      const [kept, other] = [newBucket('attempt'), newBucket('inviter')];
      for (const _ of range(2)) {
        const decision = await consumeKeeping(harness, [kept], [other]);
        check(decision.allowed, 'consumeKeeping refused although every bucket had points');
        await harness.limiter.refund(decision.receipt, deadlineContext());
      }
      checkSame(await drain(harness, kept), harness.points.attempt - 2, 'points left of the kept bucket');
      checkSame(await drain(harness, other), harness.points.inviter, 'points left of the refunded bucket');
    },
  }),
];
