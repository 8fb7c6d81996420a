import { performance } from 'node:perf_hooks';
import type { RateLimitAdapter, RateLimitBucket } from '../../ports/rate-limit.ts';
import { check, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { consume, consumeAllowed, consumeRefused, countAllowed, drain, newBucket, race } from './bucket.ts';
import { type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

/** More than a queue of waiting calls usually holds. */
const MORE = 300;

export const raceCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: `allows exactly the points of a key if ${MORE} more calls race for them`,
    postcondition: 'consume 2',
    async run(harness) {
      for (const scope of SCOPES) {
        const bucket = newBucket(scope);
        const calls = race(harness.points[scope] + MORE, () => consume(harness, bucket));
        checkSame(await countAllowed(calls), harness.points[scope], `racing calls allowed in ${scope}`);
      }
    },
  }),
  rateLimitCase({
    name: 'allows exactly the points of a key if processes race for them',
    postcondition: 'consume 2',
    requires: ['secondInstance'],
    async run(harness) {
      const limiters: RateLimitAdapter[] = [harness.limiter, await harness.secondInstance()];
      const bucket = newBucket('room');
      const calls = race(harness.points.room + MORE, (index) =>
        consume({ limiter: limiters[index % 2] ?? harness.limiter }, bucket),
      );
      checkSame(await countAllowed(calls), harness.points.room, 'racing calls allowed');
    },
  }),
  rateLimitCase({
    name: 'keeps counting a key while there are 1,200 others',
    postcondition: 'consume 2',
    async run(harness) {
      const bucket = newBucket('room');
      await drain(harness, bucket);
      const { retryAfterMs } = await consumeRefused(harness, bucket);
      const start = performance.now();
      await Promise.all(range(1_200).map(() => consumeAllowed(harness, newBucket('inviter'))));
      const { allowed } = await consume(harness, bucket);
      const isOver = harness.advance === undefined && performance.now() - start >= retryAfterMs;
      check(!allowed || isOver, 'a call was allowed although its bucket (room) was empty');
    },
  }),
  rateLimitCase({
    name: 'consumes nothing from inviters if the room has no points, even if they race',
    postcondition: 'consume 1',
    async run(harness) {
      const room = newBucket('room');
      const inviters = range(harness.points.room + 10).map(() => newBucket('inviter'));
      const decisions = await Promise.all(inviters.map((inviter) => consume(harness, inviter, room)));
      const allowed = decisions.filter((decision) => decision.allowed).length;
      checkSame(allowed, harness.points.room, 'racing calls allowed');
      for (const [index, inviter] of inviters.entries()) {
        const left = harness.points.inviter - (decisions[index]?.allowed ? 1 : 0);
        checkSame(await drain(harness, inviter), left, 'points left for an inviter');
      }
    },
  }),
  rateLimitCase({
    name: 'neither loses nor invents points if calls race for overlapping buckets',
    postcondition: 'consume 1',
    async run(harness) {
      const inviters = [newBucket('inviter'), newBucket('inviter')];
      const rooms = [newBucket('room'), newBucket('room')];
      const pairs = range(harness.points.room + harness.points.inviter).flatMap(() =>
        inviters.flatMap((inviter) =>
          rooms.map((room, index) => (index === 0 ? [inviter, room] : [room, inviter])),
        ),
      );
      const decisions = await Promise.all(pairs.map((pair) => consume(harness, ...pair)));
      for (const bucket of [...inviters, ...rooms]) await checkAccount(harness, bucket, pairs, decisions);
    },
  }),
  rateLimitCase({
    name: 'consumes nothing from a room if the inviter has no points, even if calls race',
    postcondition: 'consume 1',
    async run(harness) {
      const [inviter, room] = [newBucket('inviter'), newBucket('room')];
      await drain(harness, inviter);
      checkSame(
        await countAllowed(race(40, () => consume(harness, room, inviter))),
        0,
        'racing calls allowed',
      );
      checkSame(await drain(harness, room), harness.points.room, 'points left in the room');
    },
  }),
];

/** Checks that the points consumed from a bucket and the points left add up to its points. */
async function checkAccount(
  harness: RateLimitHarness,
  bucket: RateLimitBucket,
  calls: readonly (readonly RateLimitBucket[])[],
  decisions: readonly { readonly allowed: boolean }[],
): Promise<void> {
  const points = harness.points[bucket.scope];
  const consumed = calls.filter((call, index) => call.includes(bucket) && decisions[index]?.allowed).length;
  check(
    consumed <= points,
    `${consumed} racing calls were allowed in ${bucket.scope}, which has ${points} points`,
  );
  checkSame(consumed + (await drain(harness, bucket)), points, `points consumed and left in ${bucket.scope}`);
}
