import { createServer } from 'node:http';
import { addressFromEnvironment, closeServer, urlOnceListening } from '../quickstart/serve.ts';
import { curlLines } from './curl-lines.ts';
import { prepareRooms } from './demo-rooms.ts';
import { serveMetrics } from './metrics.ts';
import { USERNAMES, userIdOf } from './oauth-settings.ts';
import { type Servers, startServers } from './servers.ts';
import { stopSignal } from './stop-signal.ts';
import { wholeNumber } from './whole-number.ts';
import { Workers } from './workers.ts';

/** The process that starts all the others, and ends them in the opposite order. All that it answers is metrics. */
export async function runPrimary(): Promise<void> {
  const count = wholeNumber('WORKERS', 4, { min: 1, max: 99 });
  wholeNumber('PATIENCE', 1, { min: 1, max: 100 });
  const metricsPort = wholeNumber('METRICS_PORT', 8009, { min: 0, max: 65_535 });
  const address = addressFromEnvironment(8008);
  const url = await freeUrl(address);
  const metrics = await serveMetrics(metricsPort);
  const stopped = stopSignal();
  try {
    const servers = await startServers(process.env);
    try {
      await prepareRooms(servers.databaseUrl);
      const workers = new Workers({
        ...environmentFor(servers),
        HOST: address.host,
        PORT: new URL(url).port,
      });
      try {
        await workers.start(count);
        for (const line of [...servers.descriptions, ...workers.descriptions]) console.log(line);
        for (const name of USERNAMES) console.log(`${userIdOf(name)} has the token ${servers.tokens[name]}`);
        console.log(`Metrics on ${metrics.url}`);
        console.log(`Listening on ${url}, by ${count} processes`);
        console.log('Paste these into another terminal; what they answer stands below each:\n');
        for (const line of curlLines({
          url,
          metricsUrl: metrics.url,
          tokens: servers.tokens,
          processes: count,
        })) {
          console.log(line);
        }
        console.log();
        await stopped;
      } finally {
        await workers.close();
      }
    } finally {
      await servers.close();
    }
  } finally {
    await metrics.close();
  }
}

function environmentFor({ databaseUrl, redisUrl, oauth }: Servers): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    OAUTH_ISSUER: oauth.issuer,
    OAUTH_CLIENT_ID: oauth.clientId,
    OAUTH_CLIENT_SECRET: oauth.clientSecret,
  };
}

/** The URL that the workers will have. Whatever is wrong with it is told once, before anything is started. */
async function freeUrl(address: ReturnType<typeof addressFromEnvironment>): Promise<string> {
  const server = createServer().listen(address.port, address.host);
  const url = await urlOnceListening(server, address);
  await closeServer(server);
  return url;
}
