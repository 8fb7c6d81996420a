// PostgreSQL, Redis, an OAuth provider and four Node processes on one machine. Run
// `node --import tsx examples/cluster/main.ts` (in a copy: `node --import tsx cluster/main.ts`) and paste the commands
// that it prints. The README lists the environment variables.
import cluster from 'node:cluster';
import { userIdOf } from './app/auth.ts';
import { CannotStart, environmentOf, integerFrom, PORT_RANGE } from './app/config.ts';
import { freePort } from './app/listen.ts';
import { serveMetrics } from './app/metrics.ts';
import { runWorker } from './app/worker.ts';
import { stopSignal, Workers } from './app/workers.ts';
import { type CurlOptions, curlLines } from './surroundings/curl-lines.ts';
import { prepareRooms } from './surroundings/demo-rooms.ts';
import { USERNAMES } from './surroundings/oauth.ts';
import { startServers } from './surroundings/servers.ts';

try {
  await (cluster.isPrimary ? runPrimary() : runWorker());
} catch (error) {
  if (!(error instanceof CannotStart)) throw error;
  console.error(error.message);
  process.exit(1);
}

/** Starts all other processes, and ends them in reverse order. It serves nothing but metrics. */
async function runPrimary(): Promise<void> {
  const count = integerFrom('WORKERS', 4, { min: 1, max: 99 });
  integerFrom('PATIENCE', 1, { min: 1, max: 100 });
  const metricsPort = integerFrom('METRICS_PORT', 8009, PORT_RANGE);
  const host = process.env.HOST || '127.0.0.1';
  // Check the port before anything starts.
  const port = await freePort('PORT', integerFrom('PORT', 8008, PORT_RANGE), host);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const metrics = await serveMetrics(metricsPort);
  const stopped = stopSignal();
  try {
    const { backends, tokens, descriptions, close } = await startServers(process.env);
    try {
      await prepareRooms(backends.databaseUrl);
      const workers = new Workers({ ...environmentOf(backends), HOST: host, PORT: `${port}` });
      try {
        await workers.start(count);
        for (const line of [...descriptions, ...workers.descriptions]) console.log(line);
        printCommands({ url, metricsUrl: metrics.url, tokens, workers: count });
        await stopped;
      } finally {
        await workers.close();
      }
    } finally {
      await close();
    }
  } finally {
    await metrics.close();
  }
}

function printCommands(options: CurlOptions): void {
  for (const name of USERNAMES) console.log(`${userIdOf(name)} has the token ${options.tokens[name]}`);
  console.log(`Metrics on ${options.metricsUrl}`);
  console.log(`Listening on ${options.url}, with ${options.workers} workers`);
  console.log('Paste these commands into another terminal. The expected output is below each command:\n');
  for (const line of curlLines(options)) console.log(line);
  console.log();
}
