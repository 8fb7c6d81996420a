import type { RateLimitScope } from '../../ports/rate-limit.ts';
import { check, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { consume, consumeAllowed, consumeRefused, drain, newBucket } from './bucket.ts';
import { pass, type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

const INVITE_SCOPES: readonly RateLimitScope[] = ['inviter', 'room', 'invitee'];

export const consumeCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'allows exactly as many calls as a scope has points',
    postcondition: 'consume 1',
    async run(harness) {
      for (const scope of SCOPES) {
        checkSame(await drain(harness, newBucket(scope)), harness.points[scope], `calls allowed in ${scope}`);
      }
    },
  }),
  rateLimitCase({
    name: 'consumes a point from every bucket of an allowed call',
    postcondition: 'consume 1',
    async run(harness) {
      const buckets = INVITE_SCOPES.map(newBucket);
      await consumeAllowed(harness, ...buckets);
      for (const bucket of buckets) {
        const left = harness.points[bucket.scope] - 1;
        checkSame(await drain(harness, bucket), left, `points left in ${bucket.scope}`);
      }
    },
  }),
  ...INVITE_SCOPES.map((empty) =>
    rateLimitCase({
      name: `leaves the other buckets untouched if ${empty} has no points`,
      postcondition: 'consume 1',
      async run(harness) {
        const buckets = INVITE_SCOPES.map(newBucket);
        const refusing = buckets.filter(({ scope }) => scope === empty);
        for (const bucket of refusing) await drain(harness, bucket);
        for (const order of [
          buckets,
          [...buckets].reverse(),
          [...buckets.slice(1), ...buckets.slice(0, 1)],
        ]) {
          const { scope } = await consumeRefused(harness, ...order);
          checkSame(scope, empty, 'scope of the refusal');
        }
        for (const bucket of buckets.filter(({ scope }) => scope !== empty)) {
          const left = harness.points[bucket.scope];
          checkSame(await drain(harness, bucket), left, `points left in ${bucket.scope}`);
        }
      },
    }),
  ),
  rateLimitCase({
    name: 'returns a wait of at least a millisecond and at most a window',
    postcondition: 'consume 1',
    async run(harness) {
      for (const scope of SCOPES) {
        const bucket = newBucket(scope);
        await drain(harness, bucket);
        const refusal = await consumeRefused(harness, bucket);
        checkSame(refusal.scope, scope, 'scope of the refusal');
        const wait = refusal.retryAfterMs;
        const isInWindow = wait >= 1 && wait <= harness.windowMs[scope];
        check(isInWindow, `the wait is ${wait} ms, the window ${harness.windowMs[scope]} ms`);
      }
    },
  }),
  rateLimitCase({
    name: 'allows the next call once the returned wait is over',
    postcondition: 'consume 1',
    async run(harness) {
      const bucket = newBucket('room');
      await drain(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.4);
      await pass(harness, (await consumeRefused(harness, bucket)).retryAfterMs + 20);
      await consumeAllowed(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'returns the longest wait and its scope, whatever the order of the buckets',
    postcondition: 'consume 1',
    async run(harness) {
      for (const [one, other] of [
        ['inviter', 'room'],
        ['room', 'invitee'],
        ['invitee', 'inviter'],
      ] as const) {
        const isOneShorter = harness.windowMs[one] <= harness.windowMs[other];
        const [first, last] = isOneShorter
          ? [newBucket(one), newBucket(other)]
          : [newBucket(other), newBucket(one)];
        await drain(harness, first);
        await pass(harness, harness.windowMs[first.scope] * 0.4);
        await drain(harness, last);
        const longest = harness.windowMs[last.scope];
        for (const buckets of [
          [first, last],
          [last, first],
        ]) {
          const refusal = await consumeRefused(harness, ...buckets);
          checkSame(refusal.scope, last.scope, 'scope of the longest wait');
          const wait = refusal.retryAfterMs;
          check(wait > longest * 0.61, `the wait is ${wait} ms, the longest one about ${longest} ms`);
        }
      }
    },
  }),
  rateLimitCase({
    name: 'returns the wait of a bucket that refused, not the longer one of a bucket with points',
    postcondition: 'consume 1',
    async run(harness) {
      const isRoomShorter = harness.windowMs.room <= harness.windowMs.inviter;
      const [empty, full] = isRoomShorter
        ? [newBucket('room'), newBucket('inviter')]
        : [newBucket('inviter'), newBucket('room')];
      await drain(harness, empty);
      await pass(harness, harness.windowMs[empty.scope] * 0.4);
      await consumeAllowed(harness, full);
      for (const buckets of [
        [empty, full],
        [full, empty],
        [empty, newBucket(full.scope)],
        [newBucket(full.scope), empty],
      ]) {
        const refusal = await consumeRefused(harness, ...buckets);
        checkSame(refusal.scope, empty.scope, 'scope of the refusal');
        const [wait, longest] = [refusal.retryAfterMs, harness.windowMs[empty.scope] * 0.6 + 20];
        check(wait <= longest, `the wait is ${wait} ms, but that of the empty bucket at most ${longest} ms`);
      }
    },
  }),
  rateLimitCase({
    name: 'consumes all or nothing from a bucket that is passed twice',
    postcondition: 'consume 1',
    async run(harness) {
      const points = harness.points.room;
      const fresh = newBucket('room');
      await consumeAllowed(harness, fresh, fresh);
      const cost = points - (await drain(harness, fresh));
      check(cost === 1 || cost === 2, `a bucket that was passed twice lost ${cost} points`);
      const scarce = newBucket('room');
      for (const _ of range(points - 1)) await consumeAllowed(harness, scarce);
      const { allowed } = await consume(harness, scarce, scarce);
      checkSame(allowed, cost === 1, `a call of ${cost} points with one point left was allowed`);
      checkSame(await drain(harness, scarce), allowed ? 0 : 1, 'points left after it');
    },
  }),
];
