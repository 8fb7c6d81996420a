import type { RateLimitBucket } from '../../ports/rate-limit.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { consume, consumeAllowed, consumeRefused, drain, newBucket, refund } from './bucket.ts';
import { pass, passWindows, type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

const REFUSALS = 20;

export const windowCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'does not lengthen the window of a key for refused calls',
    postcondition: 'consume 3',
    async run(harness) {
      const bucket = newBucket('room');
      await drain(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.5);
      for (const _ of range(REFUSALS)) await consumeRefused(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.6);
      await consumeAllowed(harness, bucket);
    },
  }),
  rateLimitCase({
    name: 'does not count refused calls against refunded points',
    postcondition: 'consume 3',
    async run(harness) {
      const bucket = newBucket('room');
      const consumed = await consumeAllowed(harness, bucket);
      await drain(harness, bucket);
      for (const _ of range(REFUSALS)) await consumeRefused(harness, bucket);
      await refund(harness, consumed);
      checkSame(await drain(harness, bucket), 1, 'points after one was refunded');
    },
  }),
  rateLimitCase({
    name: 'does not count refused calls in the next window',
    postcondition: 'consume 3',
    async run(harness) {
      const bucket = newBucket('invitee');
      await drain(harness, bucket);
      await Promise.all(range(REFUSALS).map(() => consume(harness, bucket)));
      await passWindows(harness, ['invitee']);
      checkSame(await drain(harness, bucket), harness.points.invitee, 'points of the next window');
    },
  }),
  rateLimitCase({
    name: 'counts a refused call in no bucket, not even in one with points',
    postcondition: 'consume 3',
    async run(harness) {
      const [inviter, room] = [newBucket('inviter'), newBucket('room')];
      await drain(harness, inviter);
      for (const _ of range(REFUSALS)) await consumeRefused(harness, inviter, room);
      checkSame(await drain(harness, room), harness.points.room, 'points of the room');
    },
  }),
  rateLimitCase({
    name: 'starts the window of each key with its own first point',
    postcondition: 'consume 4',
    async run(harness) {
      const step = harness.windowMs.room * 0.3;
      const started: RateLimitBucket[] = [];
      for (const _ of range(3)) {
        const bucket = newBucket('room');
        await drain(harness, bucket);
        started.push(bucket);
        await pass(harness, step);
      }
      await pass(harness, harness.windowMs.room * 0.2);
      for (const [index, bucket] of started.entries()) {
        await consumeAllowed(harness, bucket);
        const next = started[index + 1];
        if (next === undefined) return;
        await consumeRefused(harness, next);
        await pass(harness, step);
      }
    },
  }),
  rateLimitCase({
    name: 'does not lengthen the window of a key for allowed calls',
    postcondition: 'consume 4',
    async run(harness) {
      const bucket = newBucket('room');
      await consumeAllowed(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.5);
      await drain(harness, bucket);
      await pass(harness, harness.windowMs.room * 0.6);
      checkSame(await drain(harness, bucket), harness.points.room, 'points of the next window');
    },
  }),
  rateLimitCase({
    name: 'ends the window of each bucket of a call at its own time',
    postcondition: 'consume 4',
    async run(harness) {
      const { windowMs, points } = harness;
      const scopes = [...SCOPES].sort((one, other) => windowMs[one] - windowMs[other]);
      const [short = 'room', long = 'room'] = [scopes[0], scopes.at(-1)];
      const pairs = range(2).map(() => [newBucket(short), newBucket(long)] as const);
      for (const [index, [one, other]] of pairs.entries()) {
        await consumeAllowed(harness, ...(index === 0 ? [one, other] : [other, one]));
      }
      await passWindows(harness, [short]);
      const isOpen = windowMs[long] > windowMs[short] * 2;
      for (const [one, other] of pairs) {
        checkSame(await drain(harness, one), points[short], `points in ${short}, whose window has ended`);
        if (isOpen) checkSame(await drain(harness, other), points[long] - 1, `points left in ${long}`);
      }
    },
  }),
  rateLimitCase({
    name: 'ends the window of every scope, and starts another with all points',
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
