import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { consumeAllowed, consumeRefused, drain, newBucket, refund } from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase } from './harness.ts';

const ONCE: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'refunds one point to every bucket of the call',
    postcondition: 'refund 5',
    async run(harness) {
      const buckets = [newBucket('inviter'), newBucket('room'), newBucket('invitee')];
      const consumed = await consumeAllowed(harness, ...buckets);
      for (const bucket of buckets) await drain(harness, bucket);
      await refund(harness, consumed);
      for (const bucket of buckets) checkSame(await drain(harness, bucket), 1, `points in ${bucket.scope}`);
    },
  }),
  rateLimitCase({
    name: 'refunds a receipt only once',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await drain(harness, bucket);
      for (const _ of range(3)) await refund(harness, consumed);
      checkSame(await drain(harness, bucket), 1, 'points after three refunds of one receipt');
    },
  }),
  rateLimitCase({
    name: 'refunds once if refunds of one receipt race',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await drain(harness, bucket);
      await Promise.all(range(10).map(() => refund(harness, consumed)));
      checkSame(await drain(harness, bucket), 1, 'points after ten refunds of one receipt');
    },
  }),
  rateLimitCase({
    name: 'refunds each of several racing receipts',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const receipts = await Promise.all(range(2).map(() => consumeAllowed(harness, bucket)));
      await drain(harness, bucket);
      await Promise.all(receipts.map((consumed) => refund(harness, consumed)));
      checkSame(await drain(harness, bucket), 2, 'points after refunds of two receipts');
    },
  }),
  rateLimitCase({
    name: 'never creates more points than the limit',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      for (const _ of range(harness.points.room * 3)) {
        await refund(harness, await consumeAllowed(harness, bucket));
      }
      checkSame(await drain(harness, bucket), harness.points.room, 'points after many refunds');
    },
  }),
];

const AFTERWARDS: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'also frees a point for a process that was refused before',
    postcondition: 'refund 5',
    requires: ['secondInstance'],
    async run(harness) {
      const other = { ...harness, limiter: await harness.secondInstance() };
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await drain(harness, bucket);
      await consumeRefused(other, bucket);
      await refund(harness, consumed);
      await consumeAllowed(other, bucket);
    },
  }),
  rateLimitCase({
    name: 'leaves the end of the window unchanged',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await drain(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.5);
      await refund(harness, consumed);
      checkSame(await drain(harness, bucket), 1, 'points after one was refunded');
      await pass(harness, harness.windowMs.room * 0.6);
      checkSame(await drain(harness, bucket), harness.points.room, 'points of the next window');
    },
  }),
  rateLimitCase({
    name: 'creates no extra point after the window and before the next one',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await passWindows(harness, ['room']);
      await refund(harness, consumed);
      checkSame(await drain(harness, bucket), harness.points.room, 'points of the next window');
    },
  }),
  rateLimitCase({
    name: 'refunds nothing to the next window once it has started',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await passWindows(harness, ['room']);
      await consumeAllowed(harness, bucket);
      await refund(harness, consumed);
      checkSame(await drain(harness, bucket), harness.points.room - 1, 'points left in the next window');
    },
  }),
  rateLimitCase({
    name: 'refunds only to buckets whose window is still open',
    postcondition: 'refund 5',
    async run(harness) {
      const [old, young] = [newBucket('room'), newBucket('room')];
      await consumeAllowed(harness, old);
      await pass(harness, harness.windowMs.room * 0.7);
      const consumed = await consumeAllowed(harness, old, young);
      await drain(harness, young);
      await pass(harness, harness.windowMs.room * 0.4);
      await refund(harness, consumed);
      checkSame(await drain(harness, young), 1, 'points in the open window');
      checkSame(await drain(harness, old), harness.points.room, 'points of the new window');
    },
  }),
];

export const refundCases: readonly ContractCase<RateLimitHarness>[] = [...ONCE, ...AFTERWARDS];
