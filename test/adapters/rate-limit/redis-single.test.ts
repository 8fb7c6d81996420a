import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestRedis } from '../../../servers/test-redis.ts';
import { raceProcesses, testRedisContract } from './redis-support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await TestRedis.open();
});
afterAll(() => server?.close());

testRedisContract('RedisRateLimit on ioredis 6', () => new Redis(server.url));
testRedisContract('RedisRateLimit on ioredis 5', () => new Redis5(server.url));

describe('eight processes', () => {
  it('that race on one key together get exactly its points', async () => {
    expect(await raceProcesses('single', [server.url], { points: 100, callsOfEach: 60 })).toBe(100);
  });
});
