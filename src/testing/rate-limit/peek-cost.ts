import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import {
  consume,
  consumeAllowed,
  consumeRefused,
  countAllowed,
  drain,
  newBucket,
  peek,
  peekAllowed,
  peekRefused,
  race,
} from './bucket.ts';
import { pass, type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

const PEEKS = 20;

export const peekCostCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'consumes no point, however often it is called',
    postcondition: 'peek 6',
    requires: ['peek'],
    async run(harness) {
      for (const scope of SCOPES) {
        const bucket = newBucket(scope);
        for (const _ of range(harness.points[scope] + PEEKS)) await peekAllowed(harness, bucket);
        checkSame(await drain(harness, bucket), harness.points[scope], `points left in ${scope}`);
      }
    },
  }),
  rateLimitCase({
    name: 'withholds no point from racing calls',
    postcondition: 'peek 6',
    requires: ['peek'],
    async run(harness) {
      const points = harness.points.room;
      for (const _ of range(5)) {
        const bucket = newBucket('room');
        const peeks = Promise.all(range(points * PEEKS).map(() => peek(harness, bucket)));
        checkSame(await countAllowed(race(points, () => consume(harness, bucket))), points, 'calls allowed');
        await peeks;
      }
    },
  }),
  rateLimitCase({
    name: 'opens no window',
    postcondition: 'peek 6',
    requires: ['peek'],
    async run(harness) {
      const bucket = newBucket('room');
      await peekAllowed(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.6);
      checkSame(await drain(harness, bucket), harness.points.room, 'points of the window');
      await pass(harness, harness.windowMs.room * 0.5);
      await consumeRefused(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'lengthens no window, whether it has points left or not',
    postcondition: 'peek 6',
    requires: ['peek'],
    async run(harness) {
      const [full, used] = [newBucket('room'), newBucket('room')];
      await drain(harness, full);
      await consumeAllowed(harness, used);
      await pass(harness, harness.windowMs.room * 0.5);
      for (const _ of range(PEEKS)) {
        await peekRefused(harness, full);
        await peekAllowed(harness, used);
      }
      await pass(harness, harness.windowMs.room * 0.6);
      await consumeAllowed(harness, full);
      checkSame(await drain(harness, used), harness.points.room, 'points of the next window');
    },
  }),
];
