import type { RateLimitBucket, RateLimitDecision } from '../../ports/rate-limit.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { countAllowed, drain, newBucket, race } from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase } from './harness.ts';

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

/** Makes a call that must be allowed, and returns its receipt. */
async function keepingAllowed(
  harness: Pick<RateLimitHarness, 'limiter'>,
  kept: Buckets,
  refundable: Buckets,
): Promise<{ receipt: unknown }> {
  const decision = await consumeKeeping(harness, kept, refundable);
  check(decision.allowed, 'consumeKeeping refused although every bucket had points');
  return { receipt: decision.receipt };
}

export const keepingCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'consumes a point of every bucket of both lists',
    postcondition: 'consumeKeeping 8',
    requires: ['consumeKeeping'],
    async run(harness) {
      const [kept, other] = [newBucket('attempt'), newBucket('inviter')];
      await keepingAllowed(harness, [kept], [other]);
      checkSame(await drain(harness, kept), harness.points.attempt - 1, 'points left of the kept bucket');
      checkSame(await drain(harness, other), harness.points.inviter - 1, 'points left of the other bucket');
    },
  }),
  rateLimitCase({
    name: 'consumes nothing if a bucket of either list is empty',
    postcondition: 'consumeKeeping 8',
    requires: ['consumeKeeping'],
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
    requires: ['consumeKeeping'],
    async run(harness) {
      const kept = newBucket('attempt');
      const points = harness.points.attempt;
      const calls = race(points * 3, () => consumeKeeping(harness, [kept], [newBucket('room')]));
      check((await countAllowed(calls)) <= points, 'more calls were allowed than the kept bucket had points');
    },
  }),
  rateLimitCase({
    name: 'counts the points of both lists for every process',
    postcondition: 'consumeKeeping 8',
    requires: ['consumeKeeping'],
    async run(harness) {
      const other = { ...harness, limiter: (await harness.secondInstance?.()) ?? harness.limiter };
      const [kept, refundable] = [newBucket('attempt'), newBucket('inviter')];
      await keepingAllowed(harness, [kept], [refundable]);
      await keepingAllowed(other, [kept], [refundable]);
      checkSame(await drain(other, kept), harness.points.attempt - 2, 'points left of the kept bucket');
      checkSame(await drain(harness, refundable), harness.points.inviter - 2, 'points left of the other');
    },
  }),
  rateLimitCase({
    name: 'returns the longest wait of both lists and its scope',
    postcondition: 'consumeKeeping 8',
    requires: ['consumeKeeping'],
    async run(harness) {
      const isAttemptShorter = harness.windowMs.attempt <= harness.windowMs.invitee;
      const [short, long] = isAttemptShorter
        ? [newBucket('attempt'), newBucket('invitee')]
        : [newBucket('invitee'), newBucket('attempt')];
      await drain(harness, short);
      await pass(harness, harness.windowMs[short.scope] * 0.4);
      await drain(harness, long);
      for (const [one, other] of [
        [short, long],
        [long, short],
      ] as const) {
        const refusal = await consumeKeeping(harness, [one], [other]);
        check(!refusal.allowed, 'consumeKeeping allowed although both buckets were empty');
        checkSame(refusal.scope, long.scope, 'scope of the longest wait');
        const [wait, longest] = [refusal.retryAfterMs, harness.windowMs[long.scope]];
        check(wait > longest * 0.61, `the wait is ${wait} ms, the longest one about ${longest} ms`);
      }
    },
  }),
  rateLimitCase({
    name: 'ends the windows of both lists',
    postcondition: 'consumeKeeping 8',
    requires: ['consumeKeeping'],
    async run(harness) {
      const [kept, refundable] = [newBucket('attempt'), newBucket('inviter')];
      for (const window of ['first', 'second']) {
        await keepingAllowed(harness, [kept], [refundable]);
        for (const bucket of [kept, refundable]) {
          const left = harness.points[bucket.scope] - 1;
          checkSame(
            await drain(harness, bucket),
            left,
            `points left of ${bucket.scope} in the ${window} window`,
          );
        }
        await passWindows(harness, ['attempt', 'inviter']);
      }
    },
  }),
  rateLimitCase({
    name: 'refunds the points of the second list only',
    postcondition: 'consumeKeeping 9',
    requires: ['consumeKeeping'],
    async run(harness) {
      const [kept, other] = [newBucket('attempt'), newBucket('inviter')];
      for (const _ of range(2)) {
        const { receipt } = await keepingAllowed(harness, [kept], [other]);
        await harness.limiter.refund(receipt, deadlineContext());
      }
      checkSame(await drain(harness, kept), harness.points.attempt - 2, 'points left of the kept bucket');
      checkSame(await drain(harness, other), harness.points.inviter, 'points left of the refunded bucket');
    },
  }),
];
