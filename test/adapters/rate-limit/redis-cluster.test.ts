import { Cluster as Cluster5 } from 'ioredis5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import { RedisCluster } from '../../../servers/redis-cluster.ts';
import { ioredis5, libraries, newest } from '../../support/redis-clients.ts';
import {
  connected,
  consume,
  countAllowed,
  drain,
  raceProcesses,
  testRedisContract,
  times,
} from './redis-support.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.close());

for (const { name, connectCluster } of libraries.filter((each) => each !== ioredis5)) {
  testRedisContract(`RedisRateLimit on a cluster, with ${name}`, () => connectCluster(cluster.urls));
}
testRedisContract(
  'RedisRateLimit on a cluster, with automatic pipelining in ioredis 5',
  () => new Cluster5(cluster.urls, { enableAutoPipelining: true }),
);

describe.each(newest)('keys on several nodes, with $name', ({ name, connectCluster }) => {
  it('are consumed together, and refunded together', async () => {
    const client = connectCluster(cluster.urls);
    await connected(client);
    const limits = new RedisRateLimit(client, { onStoreError: 'deny', timeoutMs: 20_000 });
    for (let index = 0; index < 10; index += 1) {
      const scopes = ['inviter', 'room', 'invitee'] as const;
      const buckets = scopes.map((scope) => ({ scope, key: `spread ${name} ${index}` }));
      await limits.refund(await consume(limits, ...buckets));
      await consume(limits, ...buckets);
      expect(await limits.peek(buckets)).toEqual({ allowed: true });
      const left = [];
      for (const bucket of buckets) left.push(await drain(limits, bucket));
      expect(left).toEqual([9, 9, 4]);
      expect(await limits.peek(buckets)).toMatchObject({ allowed: false, scope: 'invitee' });
    }
    const keys = await Promise.all(cluster.nodes.map((node) => node.ttls()));
    for (const ofNode of keys) expect(ofNode.size).toBeGreaterThan(0);
    client.disconnect();
  });

  it('lose no points when many calls race on them', async () => {
    const client = connectCluster(cluster.urls);
    await connected(client);
    const limits = new RedisRateLimit(client, { onStoreError: 'deny', timeoutMs: 20_000 });
    const inviters = times(5, (index) => ({ scope: 'inviter' as const, key: `racing ${name} ${index}` }));
    const rooms = times(5, (index) => ({ scope: 'room' as const, key: `racing ${name} ${index}` }));
    const calls = inviters.flatMap((inviter) => rooms.flatMap((room) => times(10, () => [inviter, room])));
    const allowed = await countAllowed(calls.map((buckets) => limits.consume(buckets)));
    const left = { inviters: 0, rooms: 0 };
    for (const bucket of inviters) left.inviters += await drain(limits, bucket);
    for (const bucket of rooms) left.rooms += await drain(limits, bucket);
    expect([allowed + left.inviters, allowed + left.rooms]).toEqual([50, 50]);
    client.disconnect();
  });
});

describe('eight processes', () => {
  it('that race on one key together get exactly its points', async () => {
    expect(await raceProcesses('cluster', cluster.urls, { points: 100, callsOfEach: 60 })).toBe(100);
  });
});
