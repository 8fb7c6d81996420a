import type { RateLimitBucket } from '../../ports/rate-limit.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { newRoomId } from '../random.ts';
import { consume, drain } from './bucket.ts';
import { type RateLimitHarness, rateLimitCase, SCOPES } from './harness.ts';

/** Endings of IDs that careless stores confuse. */
const ENDINGS: readonly string[] = [
  '',
  ':',
  '::',
  ':a',
  ':A',
  'a:b',
  ' ',
  '\0',
  '\0a',
  '\0b',
  '*',
  '{a}',
  '{b}',
  '\r\n',
  '\u00e9',
  'e\u0301',
  '💬',
  '\ud83d\udc4d',
];

const BARE: readonly string[] = ['__proto__', 'constructor', 'toString'];

export const keyCases: readonly ContractCase<RateLimitHarness>[] = [
  rateLimitCase({
    name: 'counts the same key separately in each scope',
    postcondition: 'consume 2',
    async run(harness) {
      const key = newRoomId();
      for (const scope of SCOPES) {
        checkSame(await drain(harness, { scope, key }), harness.points[scope], `calls allowed in ${scope}`);
      }
    },
  }),
  rateLimitCase({
    name: 'does not confuse keys of different scopes, however scope and key are joined',
    postcondition: 'consume 2',
    async run(harness) {
      const key = newRoomId();
      const buckets: RateLimitBucket[] = [
        { scope: 'room', key },
        { scope: 'inviter', key: `room:${key}` },
        { scope: 'room', key: `inviter:${key}` },
        { scope: 'room', key: `room:${key}` },
        { scope: 'invitee', key: `r:${key}` },
        { scope: 'inviter', key: `ee:${key}` },
      ];
      await checkApart(harness, buckets);
    },
  }),
  rateLimitCase({
    name: 'counts similar keys separately',
    postcondition: 'consume 2',
    async run(harness) {
      const id = newRoomId();
      const long = 'x'.repeat(254 - id.length);
      const keys = [...ENDINGS.map((end) => id + end), `${id}${long}y`, `${id}${long}z`, id.toUpperCase()];
      await checkApart(
        harness,
        keys.map((key) => ({ scope: 'room', key })),
      );
    },
  }),
  rateLimitCase({
    name: 'limits keys that are names of object members',
    postcondition: 'consume 2',
    async run(harness) {
      for (const key of BARE) {
        const allowed = await drain(harness, { scope: 'invitee', key });
        checkSame(allowed <= harness.points.invitee, true, `${key} is limited (${allowed} calls allowed)`);
        checkSame((await consume(harness, { scope: 'invitee', key })).allowed, false, `next call for ${key}`);
      }
    },
  }),
];

/** Uses up one bucket after the other: each must have had all of its points. */
async function checkApart(harness: RateLimitHarness, buckets: readonly RateLimitBucket[]): Promise<void> {
  for (const bucket of buckets) {
    const name = `${bucket.scope} ${JSON.stringify(bucket.key)}`;
    checkSame(await drain(harness, bucket), harness.points[bucket.scope], `calls allowed for ${name}`);
  }
}
