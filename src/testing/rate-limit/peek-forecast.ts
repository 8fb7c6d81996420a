import type { RateLimitBucket } from '../../ports/rate-limit.ts';
import { check, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import {
  consume,
  consumeAllowed,
  consumeRefused,
  drain,
  newBucket,
  peek,
  peekAllowed,
  peekRefused,
  refund,
} from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

/** The tolerated difference between clocks, in milliseconds. */
const CLOCK_MS = 5;

export const peekForecastCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'resolves allowed while there are points, and refused after that',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      for (const scope of SCOPES) {
        const bucket = newBucket(scope);
        for (const _ of range(harness.points[scope])) {
          await peekAllowed(harness, bucket);
          await consumeAllowed(harness, bucket);
        }
        checkSame((await peekRefused(harness, bucket)).scope, scope, 'scope of the refusal');
      }
    },
  }),
  rateLimitCase({
    name: 'resolves refused if any bucket is empty, and consumes nothing from the others',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      for (const empty of ['inviter', 'room', 'invitee'] as const) {
        const buckets = [newBucket('inviter'), newBucket('room'), newBucket('invitee')];
        const others = buckets.filter(({ scope }) => scope !== empty);
        for (const bucket of buckets) if (bucket.scope === empty) await drain(harness, bucket);
        for (const _ of range(5)) {
          checkSame((await peekRefused(harness, ...buckets)).scope, empty, 'scope of the refusal');
        }
        await peekAllowed(harness, ...others);
        for (const bucket of others) {
          checkSame(await drain(harness, bucket), harness.points[bucket.scope], `points in ${bucket.scope}`);
        }
      }
    },
  }),
  rateLimitCase({
    name: 'returns the same wait as consume',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      for (const scope of ['inviter', 'room'] as const) {
        const bucket = newBucket(scope);
        await drain(harness, bucket);
        await pass(harness, harness.windowMs[scope] * 0.4);
        await checkRefusesAlike(harness, [bucket]);
      }
    },
  }),
  rateLimitCase({
    name: 'returns the longest wait of empty buckets and its scope, whatever the order of the buckets',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      const isInviterShorter = harness.windowMs.inviter <= harness.windowMs.room;
      const first = newBucket(isInviterShorter ? 'inviter' : 'room');
      const last = newBucket(isInviterShorter ? 'room' : 'inviter');
      await drain(harness, first);
      await pass(harness, harness.windowMs[first.scope] * 0.4);
      await drain(harness, last);
      await checkRefusesAlike(harness, [first, last]);
      await checkRefusesAlike(harness, [last, first]);
    },
  }),
  rateLimitCase({
    name: 'counts a bucket that is passed twice as consume does',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      const bucket = newBucket('room');
      for (const _ of range(harness.points.room - 1)) await consumeAllowed(harness, bucket);
      const { allowed } = await peek(harness, bucket, bucket);
      checkSame(
        allowed,
        (await consume(harness, bucket, bucket)).allowed,
        'allowed, as peek resolved and consume decided',
      );
    },
  }),
  rateLimitCase({
    name: 'does not confuse keys, within a scope or across scopes',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      const { key } = newBucket('room');
      await drain(harness, { scope: 'room', key });
      for (const other of [`${key}:`, `${key}\0`, key.toUpperCase(), `room:${key}`]) {
        await peekAllowed(harness, { scope: 'room', key: other });
      }
      for (const scope of SCOPES) {
        if (scope !== 'room') await peekAllowed(harness, { scope, key });
      }
      await peekRefused(harness, { scope: 'room', key });
    },
  }),
  rateLimitCase({
    name: 'counts what other processes consume, if there are any',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      const other = { ...harness, limiter: (await harness.secondInstance?.()) ?? harness.limiter };
      const bucket = newBucket('room');
      await peekAllowed(harness, bucket);
      await drain(other, bucket);
      await peekRefused(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'resolves allowed again after a refund, and after the window ends',
    postcondition: 'peek 7',
    requires: ['peek'],
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await drain(harness, bucket);
      await peekRefused(harness, bucket);
      await refund(harness, consumed);
      await peekAllowed(harness, bucket);
      await drain(harness, bucket);
      await peekRefused(harness, bucket);
      await passWindows(harness, ['room']);
      await peekAllowed(harness, bucket);
    },
  }),
];

/** Peeks between two refused calls of consume. A wait only gets shorter, so it must be between theirs. */
async function checkRefusesAlike(
  harness: RateLimitHarness,
  buckets: readonly RateLimitBucket[],
): Promise<void> {
  const before = await consumeRefused(harness, ...buckets);
  const forecast = await peekRefused(harness, ...buckets);
  const after = await consumeRefused(harness, ...buckets);
  checkSame(forecast.scope, before.scope, 'scope of the longest wait');
  const isBetween =
    forecast.retryAfterMs <= before.retryAfterMs + CLOCK_MS &&
    forecast.retryAfterMs >= after.retryAfterMs - CLOCK_MS;
  const ofConsume = `${before.retryAfterMs} ms before and ${after.retryAfterMs} ms after`;
  check(isBetween, `the wait is ${forecast.retryAfterMs} ms from peek, but ${ofConsume} from consume`);
}
