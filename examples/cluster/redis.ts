import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { ServerProcess } from './server-process.ts';

/** A Redis server that writes nothing to the disk: what it counts is over in a few minutes. */
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
    // The settings come on stdin, since parameters can be seen by everybody.
    parameters: ['-'],
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
    await server.answers(() => askRedis(url));
    return { server, url };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Rejects when the server cannot be used. */
export async function askRedis(url: string): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
  });
  let failure: Error | undefined;
  redis.on('error', (error) => {
    failure = error;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    // It says why, where the rejection may say only that the connection is closed.
    throw failure ?? error;
  } finally {
    redis.disconnect();
  }
}
