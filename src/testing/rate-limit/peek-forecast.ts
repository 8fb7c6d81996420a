import type { RateLimitBucket } from '../../ports/rate-limit.ts';
import { check, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import {
  drain,
  giveBack,
  look,
  lookAllowed,
  lookRefused,
  newBucket,
  take,
  takeAllowed,
  takeRefused,
} from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

/** What clocks may be apart, in milliseconds. */
const CLOCK_MS = 5;

export const peekForecastCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'says allowed for as long as there is a point, and refused from then on',
    postcondition: 'peek 7',
    requires: 'peek',
    async run(harness) {
      for (const scope of SCOPES) {
        const bucket = newBucket(scope);
        for (const _ of range(harness.points[scope])) {
          await lookAllowed(harness, bucket);
          await takeAllowed(harness, bucket);
        }
        checkSame((await lookRefused(harness, bucket)).scope, scope, 'scope of the refusal');
      }
    },
  }),
  rateLimitCase({
    name: 'says refused when one of several buckets is empty, whichever it is, and takes none of the others',
    postcondition: 'peek 7',
    requires: 'peek',
    async run(harness) {
      for (const empty of ['inviter', 'room', 'invitee'] as const) {
        const buckets = [newBucket('inviter'), newBucket('room'), newBucket('invitee')];
        const others = buckets.filter(({ scope }) => scope !== empty);
        for (const bucket of buckets) if (bucket.scope === empty) await drain(harness, bucket);
        for (const _ of range(5)) {
          checkSame((await lookRefused(harness, ...buckets)).scope, empty, 'scope of the refusal');
        }
        await lookAllowed(harness, ...others);
        for (const bucket of others) {
          checkSame(await drain(harness, bucket), harness.points[bucket.scope], `points in ${bucket.scope}`);
        }
      }
    },
  }),
  rateLimitCase({
    name: 'names the wait that consume names',
    postcondition: 'peek 7',
    requires: 'peek',
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
    name: 'tells the longest wait of those that are empty, and its scope, in whatever order they are named',
    postcondition: 'peek 7',
    requires: 'peek',
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
    name: 'counts a bucket that is named twice as consume does',
    postcondition: 'peek 7',
    requires: 'peek',
    async run(harness) {
      const bucket = newBucket('room');
      for (const _ of range(harness.points.room - 1)) await takeAllowed(harness, bucket);
      const { allowed } = await look(harness, bucket, bucket);
      checkSame(
        allowed,
        (await take(harness, bucket, bucket)).allowed,
        'whether a call was said to be allowed',
      );
    },
  }),
  rateLimitCase({
    name: 'does not take one key for another, of its own scope or of another',
    postcondition: 'peek 7',
    requires: 'peek',
    async run(harness) {
      const { key } = newBucket('room');
      await drain(harness, { scope: 'room', key });
      for (const other of [`${key}:`, `${key}\0`, key.toUpperCase(), `room:${key}`]) {
        await lookAllowed(harness, { scope: 'room', key: other });
      }
      for (const scope of SCOPES) {
        if (scope !== 'room') await lookAllowed(harness, { scope, key });
      }
      await lookRefused(harness, { scope: 'room', key });
    },
  }),
  rateLimitCase({
    name: 'counts what other processes took, where there are others',
    postcondition: 'peek 7',
    requires: 'peek',
    async run(harness) {
      const other = { ...harness, limiter: (await harness.secondInstance?.()) ?? harness.limiter };
      const bucket = newBucket('room');
      await lookAllowed(harness, bucket);
      await drain(other, bucket);
      await lookRefused(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'says allowed again once a point was given back, and once the window is over',
    postcondition: 'peek 7',
    requires: 'peek',
    async run(harness) {
      const bucket = newBucket('room');
      const taken = await takeAllowed(harness, bucket);
      await drain(harness, bucket);
      await lookRefused(harness, bucket);
      await giveBack(harness, taken);
      await lookAllowed(harness, bucket);
      await drain(harness, bucket);
      await lookRefused(harness, bucket);
      await passWindows(harness, ['room']);
      await lookAllowed(harness, bucket);
    },
  }),
];

/** Asks between two calls that are refused: a wait only gets shorter, so that it must lie between theirs. */
async function checkRefusesAlike(
  harness: RateLimitHarness,
  buckets: readonly RateLimitBucket[],
): Promise<void> {
  const before = await takeRefused(harness, ...buckets);
  const forecast = await lookRefused(harness, ...buckets);
  const after = await takeRefused(harness, ...buckets);
  checkSame(forecast.scope, before.scope, 'scope of the longest wait');
  const isBetween =
    forecast.retryAfterMs <= before.retryAfterMs + CLOCK_MS &&
    forecast.retryAfterMs >= after.retryAfterMs - CLOCK_MS;
  const ofConsume = `${before.retryAfterMs} ms before and ${after.retryAfterMs} ms after`;
  check(isBetween, `peek said to wait ${forecast.retryAfterMs} ms, consume ${ofConsume}`);
}
