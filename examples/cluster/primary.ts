import { createServer } from 'node:http';
import { addressFromEnvironment, closeServer, urlOnceListening } from '../quickstart/serve.ts';
import { CannotStart } from './cannot-start.ts';
import { curlLines } from './curl-lines.ts';
import { prepareRooms } from './demo-rooms.ts';
import { startServers } from './servers.ts';
import { stopSignal } from './stop-signal.ts';
import { Workers } from './workers.ts';

/** The process that starts all the others, and ends them in the opposite order. It answers no request itself. */
export async function runPrimary(): Promise<void> {
  const count = workerCount(process.env.WORKERS || '4');
  const address = addressFromEnvironment(8008);
  const url = await freeUrl(address);
  const stopped = stopSignal();
  const servers = await startServers(process.env);
  try {
    await prepareRooms(servers.databaseUrl);
    const workers = new Workers({
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      HOST: address.host,
      PORT: new URL(url).port,
    });
    try {
      await workers.start(count);
      for (const line of [...servers.descriptions, ...workers.descriptions]) console.log(line);
      console.log(`Listening on ${url}, by ${count} processes`);
      console.log('Paste these into another terminal; what they answer stands below each:\n');
      for (const line of curlLines(url, count)) console.log(line);
      console.log();
      await stopped;
    } finally {
      await workers.close();
    }
  } finally {
    await servers.close();
  }
}

function workerCount(text: string): number {
  if (!/^[1-9]\d?$/.test(text))
    throw new CannotStart(`WORKERS must be a whole number from 1 to 99, not "${text}"`);
  return Number(text);
}

/** The URL that the workers will have. Whatever is wrong with it is told once, before anything is started. */
async function freeUrl(address: ReturnType<typeof addressFromEnvironment>): Promise<string> {
  const server = createServer().listen(address.port, address.host);
  const url = await urlOnceListening(server, address);
  await closeServer(server);
  return url;
}
