import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { drain, giveBack, newBucket, takeAllowed } from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase } from './harness.ts';

const ONCE: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'gives one point back to every bucket of the call',
    postcondition: 'refund 5',
    async run(harness) {
      const buckets = [newBucket('inviter'), newBucket('room'), newBucket('invitee')];
      const taken = await takeAllowed(harness, ...buckets);
      for (const bucket of buckets) await drain(harness, bucket);
      await giveBack(harness, taken);
      for (const bucket of buckets) checkSame(await drain(harness, bucket), 1, `points in ${bucket.scope}`);
    },
  }),
  rateLimitCase({
    name: 'gives nothing back the second time',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const taken = await takeAllowed(harness, bucket);
      await drain(harness, bucket);
      for (const _ of range(3)) await giveBack(harness, taken);
      checkSame(await drain(harness, bucket), 1, 'points after the same receipt three times');
    },
  }),
  rateLimitCase({
    name: 'gives back once when refunds of one receipt race',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const taken = await takeAllowed(harness, bucket);
      await drain(harness, bucket);
      await Promise.all(range(10).map(() => giveBack(harness, taken)));
      checkSame(await drain(harness, bucket), 1, 'points after the same receipt ten times');
    },
  }),
  rateLimitCase({
    name: 'gives back what each of several racing receipts took',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const receipts = await Promise.all(range(2).map(() => takeAllowed(harness, bucket)));
      await drain(harness, bucket);
      await Promise.all(receipts.map((taken) => giveBack(harness, taken)));
      checkSame(await drain(harness, bucket), 2, 'points after two receipts');
    },
  }),
  rateLimitCase({
    name: 'never makes more points than there are',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      for (const _ of range(harness.points.room * 3)) {
        await giveBack(harness, await takeAllowed(harness, bucket));
      }
      checkSame(await drain(harness, bucket), harness.points.room, 'points after many refunds');
    },
  }),
];

const AFTERWARDS: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'makes no extra point when it comes after the window, before the next',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const taken = await takeAllowed(harness, bucket);
      await passWindows(harness, ['room']);
      await giveBack(harness, taken);
      checkSame(await drain(harness, bucket), harness.points.room, 'points of the next window');
    },
  }),
  rateLimitCase({
    name: 'gives nothing to the next window, once that has begun',
    postcondition: 'refund 5',
    async run(harness) {
      const bucket = newBucket('room');
      const taken = await takeAllowed(harness, bucket);
      await passWindows(harness, ['room']);
      await takeAllowed(harness, bucket);
      await giveBack(harness, taken);
      checkSame(await drain(harness, bucket), harness.points.room - 1, 'points left in the next window');
    },
  }),
  rateLimitCase({
    name: 'gives back to the buckets whose window lives, and not to the others',
    postcondition: 'refund 5',
    async run(harness) {
      const [old, young] = [newBucket('room'), newBucket('room')];
      await takeAllowed(harness, old);
      await pass(harness, harness.windowMs.room * 0.7);
      const taken = await takeAllowed(harness, old, young);
      await drain(harness, young);
      await pass(harness, harness.windowMs.room * 0.4);
      await giveBack(harness, taken);
      checkSame(await drain(harness, young), 1, 'points in the window that lives');
      checkSame(await drain(harness, old), harness.points.room, 'points of the new window');
    },
  }),
];

export const refundCases: readonly ContractCase<RateLimitHarness>[] = [...ONCE, ...AFTERWARDS];
