import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createApp } from './app.ts';
import { createAuth } from './auth.ts';
import { backendsOf, integerFrom, PORT_RANGE, timeLimits } from './config.ts';
import { listen } from './listen.ts';
import { createLogger } from './log.ts';
import { workerMetrics } from './metrics.ts';
import { closeRedis, openPool, openRedis } from './stores.ts';

/** The maximum time for sending the last responses, in milliseconds. Then idle connections are closed too. */
const LAST_RESPONSES_MS = 1_000;

/** Serves the app. A worker knows nothing of the others: they share PostgreSQL, Redis and the OAuth provider. */
export async function runWorker(): Promise<void> {
  // Ctrl-C sends SIGINT to every process of the terminal. The primary decides when workers end, and sends SIGTERM.
  process.on('SIGINT', () => {});
  const { databaseUrl, redisUrl, oauth } = backendsOf(process.env);
  const name = `worker-${cluster.worker?.id}`;
  const logger = createLogger(name);
  const pool = openPool(databaseUrl, logger);
  const redis = openRedis(redisUrl);
  const auth = createAuth(oauth);
  const onOutcome = workerMetrics();
  const { app, invites } = createApp({ name, pool, redis, auth, logger, onOutcome });
  const server = createServer(app);
  await listen(server, 'PORT', integerFrom('PORT', 8008, PORT_RANGE), process.env.HOST || undefined);

  async function close(): Promise<void> {
    // In case something hangs.
    setTimeout(() => process.exit(1), timeLimits.closeMs).unref();
    const closed = once(server, 'close');
    server.close();
    // Before the database: invites that have started are still stored and get their response.
    await invites.close();
    const timer = setTimeout(() => server.closeAllConnections(), LAST_RESPONSES_MS);
    await closed;
    clearTimeout(timer);
    await Promise.all([pool.end(), closeRedis(redis)]);
    cluster.worker?.disconnect();
  }

  let isClosing = false;
  process.on('SIGTERM', () => {
    if (!isClosing) void close();
    isClosing = true;
  });
}
