import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import {
  countAllowed,
  drain,
  look,
  lookAllowed,
  lookRefused,
  newBucket,
  race,
  take,
  takeAllowed,
  takeRefused,
} from './bucket.ts';
import { pass, type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

const LOOKS = 20;

export const peekCostCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'takes no point, however often it is called',
    postcondition: 'peek 6',
    requires: 'peek',
    async run(harness) {
      for (const scope of SCOPES) {
        const bucket = newBucket(scope);
        for (const _ of range(harness.points[scope] + LOOKS)) await lookAllowed(harness, bucket);
        checkSame(await drain(harness, bucket), harness.points[scope], `points left in ${scope}`);
      }
    },
  }),
  rateLimitCase({
    name: 'keeps no point from calls that race it',
    postcondition: 'peek 6',
    requires: 'peek',
    async run(harness) {
      const points = harness.points.room;
      for (const _ of range(5)) {
        const bucket = newBucket('room');
        const looks = Promise.all(range(points * LOOKS).map(() => look(harness, bucket)));
        checkSame(await countAllowed(race(points, () => take(harness, bucket))), points, 'calls allowed');
        await looks;
      }
    },
  }),
  rateLimitCase({
    name: 'opens no window',
    postcondition: 'peek 6',
    requires: 'peek',
    async run(harness) {
      const bucket = newBucket('room');
      await lookAllowed(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.6);
      checkSame(await drain(harness, bucket), harness.points.room, 'points of the window');
      await pass(harness, harness.windowMs.room * 0.5);
      await takeRefused(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'lengthens no window, whether it has points left or not',
    postcondition: 'peek 6',
    requires: 'peek',
    async run(harness) {
      const [full, used] = [newBucket('room'), newBucket('room')];
      await drain(harness, full);
      await takeAllowed(harness, used);
      await pass(harness, harness.windowMs.room * 0.5);
      for (const _ of range(LOOKS)) {
        await lookRefused(harness, full);
        await lookAllowed(harness, used);
      }
      await pass(harness, harness.windowMs.room * 0.6);
      await takeAllowed(harness, full);
      checkSame(await drain(harness, used), harness.points.room, 'points of the next window');
    },
  }),
];
