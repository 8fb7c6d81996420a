import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { drain, giveBack, newBucket, take, takeAllowed, takeRefused } from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase } from './harness.ts';

const REFUSALS = 20;

export const windowCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'does not lengthen the window of a key by calls that it refuses',
    postcondition: 'consume 3',
    async run(harness) {
      const bucket = newBucket('room');
      await drain(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.5);
      for (const _ of range(REFUSALS)) await takeRefused(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.6);
      await takeAllowed(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'does not count refused calls against the points that are given back',
    postcondition: 'consume 3',
    async run(harness) {
      const bucket = newBucket('room');
      const taken = await takeAllowed(harness, bucket);
      await drain(harness, bucket);
      for (const _ of range(REFUSALS)) await takeRefused(harness, bucket);
      await giveBack(harness, taken);
      checkSame(await drain(harness, bucket), 1, 'points after one was given back');
    },
  }),
  rateLimitCase({
    name: 'does not count refused calls in the next window',
    postcondition: 'consume 3',
    async run(harness) {
      const bucket = newBucket('invitee');
      await drain(harness, bucket);
      await Promise.all(range(REFUSALS).map(() => take(harness, bucket)));
      await passWindows(harness, ['invitee']);
      checkSame(await drain(harness, bucket), harness.points.invitee, 'points of the next window');
    },
  }),
  rateLimitCase({
    name: 'counts a refused call in no bucket, those included that had points',
    postcondition: 'consume 3',
    async run(harness) {
      const [inviter, room] = [newBucket('inviter'), newBucket('room')];
      await drain(harness, inviter);
      for (const _ of range(REFUSALS)) await takeRefused(harness, inviter, room);
      checkSame(await drain(harness, room), harness.points.room, 'points of the room');
    },
  }),
  rateLimitCase({
    name: 'ends the window of every scope, and begins another with all points',
    postcondition: 'consume 4',
    async run(harness) {
      const buckets = [newBucket('attempt'), newBucket('inviter'), newBucket('room'), newBucket('invitee')];
      for (const bucket of buckets) await drain(harness, bucket);
      for (const window of ['second', 'third']) {
        await passWindows(
          harness,
          buckets.map(({ scope }) => scope),
        );
        for (const bucket of buckets) {
          const allowed = await drain(harness, bucket);
          checkSame(
            allowed,
            harness.points[bucket.scope],
            `calls allowed in the ${window} window of ${bucket.scope}`,
          );
        }
      }
    },
  }),
];
