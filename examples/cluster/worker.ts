import cluster from 'node:cluster';
import { once } from 'node:events';
import { addressFromEnvironment, urlOnceListening } from '../quickstart/serve.ts';
import { createApp } from './app.ts';
import { loggerOf } from './log.ts';
import { loginsBy } from './logins.ts';
import { workerMetrics } from './metrics.ts';
import { closeRedis, openPool, openRedis } from './stores.ts';
import { timeLimits } from './time-limits.ts';

/** How long, in milliseconds, the last answers may take to be sent; who is connected and says nothing is cut off then. */
const LAST_ANSWERS_MS = 1_000;

/** One of the processes that answer. It knows nothing of the others: they meet in PostgreSQL, Redis and the OAuth provider. */
export async function runWorker(): Promise<void> {
  // Ctrl-C reaches every process of a terminal. Here the primary says when to end, by SIGTERM.
  process.on('SIGINT', () => {});
  const { DATABASE_URL = '', REDIS_URL = '', OAUTH_ISSUER = '' } = process.env;
  const { OAUTH_CLIENT_ID = '', OAUTH_CLIENT_SECRET = '' } = process.env;
  const name = `worker-${cluster.worker?.id}`;
  const logger = loggerOf(name);
  const pool = openPool(DATABASE_URL, logger);
  const redis = openRedis(REDIS_URL);
  const auth = loginsBy({
    issuer: OAUTH_ISSUER,
    clientId: OAUTH_CLIENT_ID,
    clientSecret: OAUTH_CLIENT_SECRET,
  });
  const onOutcome = workerMetrics();
  const { app, invites } = createApp({ name, pool, redis, auth, logger, onOutcome });
  const address = addressFromEnvironment(8008);
  const server = app.listen(address.port, address.host);
  await urlOnceListening(server, address);

  async function close(): Promise<void> {
    // Although something hangs.
    setTimeout(() => process.exit(1), timeLimits.closeMs).unref();
    const closed = once(server, 'close');
    server.close();
    // Before the database: what was begun is still stored, and answered.
    await invites.close();
    const timer = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
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
