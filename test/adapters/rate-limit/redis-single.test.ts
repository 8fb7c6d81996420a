import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../servers/redis-server.ts';
import { raceProcesses, testRedisContract } from './redis-support.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server?.close());

testRedisContract('RedisRateLimit on ioredis 6', () => new Redis(server.port, '127.0.0.1'));
testRedisContract('RedisRateLimit on ioredis 5', () => new Redis5(server.port, '127.0.0.1'));

describe('eight processes', () => {
  it('that race on one key together get exactly its points', async () => {
    expect(await raceProcesses('single', [server.port], { points: 100, callsOfEach: 60 })).toBe(100);
  });
});
