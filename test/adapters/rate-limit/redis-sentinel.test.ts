import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { MASTER_NAME, RedisSentinel } from '../../../servers/redis-sentinel.ts';
import { ALICE, BOB, connected, consume, drain, ROOM } from './redis-support.ts';

it('a client of ioredis that asks a Sentinel counts on the master, and after a failover on the new one', async () => {
  const sentinel = await RedisSentinel.start();
  onTestFinished(() => sentinel.close());
  const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
  const client = new Redis({ sentinels, name: MASTER_NAME }).on('error', () => {});
  onTestFinished(() => client.disconnect());
  await connected(client);
  const POINTS = { points: 3, durationSeconds: 600 };
  const limits = new RedisRateLimit(client, {
    limits: { inviter: POINTS, room: POINTS, invitee: POINTS },
    timeoutMs: 20_000,
    onStoreError: 'deny',
  });
  await consume(limits, ROOM, ALICE);
  expect([...(await sentinel.master.ttls()).keys()].sort()).toEqual([
    'matrix-invite:inviter:@alice:example.org',
    'matrix-invite:room:!a:example.org',
  ]);
  await sentinel.failOver();
  await eventually('calls are counted again', async () => {
    const decision = await limits.consume([BOB]).catch(() => undefined);
    return decision?.allowed === true;
  });
  expect([...(await sentinel.replica.ttls()).keys()]).toContain('matrix-invite:invitee:@bob:example.org');
  expect(await drain(limits, BOB)).toBeLessThan(3);
});
