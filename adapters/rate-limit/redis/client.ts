import { hasMethods } from '../../../src/internal/options.ts';
import type { Connection } from './connection.ts';
import { type IoredisClient, IoredisConnection } from './ioredis.ts';
import { type NodeRedisClient, NodeRedisConnection } from './node-redis.ts';

/** A client of ioredis, iovalkey or node-redis. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** @throws {TypeError} for anything but a client that counting works with */
export function connectionOf(client: RedisClient): Connection {
  if (isIoredis(client)) return new IoredisConnection(client);
  if (!isNodeRedis(client)) {
    throw new TypeError('RedisRateLimit takes a client of ioredis, iovalkey or node-redis');
  }
  if (hasMethods(client, 'getMasterNode')) {
    throw new TypeError(
      'RedisRateLimit takes no client from createSentinel of node-redis: use ioredis, with its option sentinels',
    );
  }
  if (!('isReady' in client || 'slots' in client)) {
    throw new TypeError('RedisRateLimit takes no pool of node-redis: pass a client from createClient');
  }
  if (client.listenerCount('error') === 0) {
    throw new TypeError("RedisRateLimit: the node-redis client needs a listener: client.on('error', …)");
  }
  return new NodeRedisConnection(client);
}

function isIoredis(client: RedisClient): client is IoredisClient {
  return (
    hasMethods(client, 'defineCommand', 'srem') && 'status' in client && typeof client.status === 'string'
  );
}

function isNodeRedis(client: RedisClient): client is NodeRedisClient {
  return (
    hasMethods(client, 'evalSha', 'eval', 'sRem', 'listenerCount') &&
    'isOpen' in client &&
    typeof client.isOpen === 'boolean'
  );
}
