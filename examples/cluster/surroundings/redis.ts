import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { freePort } from '../app/listen.ts';
import { ServerProcess } from './server-process.ts';

/** Starts a Redis server that writes nothing to disk: its counters expire within minutes. */
export async function startRedis(
  program: string,
  folder: string,
): Promise<{ server: ServerProcess; url: string }> {
  await mkdir(folder);
  const port = await freePort();
  const password = randomBytes(18).toString('hex');
  const server = new ServerProcess({
    name: 'Redis',
    program,
    // Redis reads its configuration from stdin, because every user of this machine can see arguments.
    args: ['-'],
    input: [
      `port ${port}`,
      'bind 127.0.0.1',
      `requirepass ${password}`,
      `dir "${folder}"`,
      'save ""',
      'appendonly no',
      'maxmemory 64mb',
      'maxmemory-policy noeviction',
    ].join('\n'),
    folder,
    signals: { stop: 'SIGTERM', kill: 'SIGKILL' },
  });
  const url = `redis://:${password}@127.0.0.1:${port}`;
  try {
    await server.waitUntilReady(() => checkRedis(url));
    return { server, url };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Rejects if the server cannot be used. */
export async function checkRedis(url: string): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
  });
  let cause: Error | undefined;
  redis.on('error', (error) => {
    cause = error;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    // The emitted error says why. The rejection may only say that the connection is closed.
    throw cause ?? error;
  } finally {
    redis.disconnect();
  }
}
