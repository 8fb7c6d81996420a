import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestRedis } from '../../../servers/test-redis.ts';
import { libraries } from '../../support/redis-clients.ts';
import { raceProcesses, testRedisContract } from './redis-support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await TestRedis.open();
});
afterAll(() => server?.close());

for (const { name, connect } of libraries) {
  testRedisContract(`RedisRateLimit on ${name}`, () => connect(server.url));
}

describe('eight processes', () => {
  it('that race on one key together get exactly its points', async () => {
    expect(await raceProcesses('single', [server.url], { points: 100, callsOfEach: 60 })).toBe(100);
  });
});
