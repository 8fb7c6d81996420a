// One process of the invite endpoint, for the files beside it. README.md lists the environment variables.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import { createInviteRouter, matrixErrorHandler, matrixNotFoundHandler } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { RedisRateLimit } from 'express-matrix-invite/rate-limit/redis';
import { PostgresStorage } from 'express-matrix-invite/storage/postgres';
import { Redis } from 'ioredis';
import pg from 'pg';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

const { env } = process;
const host = env.HOST || '127.0.0.1';

const pool = new pg.Pool({
  connectionString: env.DATABASE_URL,
  max: 10,
  connectionTimeoutMillis: 2_000,
  keepAlive: true,
});
pool.on('error', (error) => console.warn('PostgreSQL:', error.message));
const redis = new Redis(env.REDIS_URL || 'redis://127.0.0.1:6379', { connectTimeout: 2_000 });
redis.on('error', () => {}); // RedisRateLimit logs once when Redis fails, and once when it is back

const register = new Registry();
collectDefaultMetrics({ register });
const fallback = new Gauge({
  name: 'matrix_invite_rate_limit_fallback',
  help: '1 while this process counts rate limits without Redis.',
  registers: [register],
});

const router = createInviteRouter({
  serverName: env.SERVER_NAME || 'localhost',
  storage: new PostgresStorage(pool),
  rateLimit: new RedisRateLimit(redis, {
    logger: {
      ...console,
      warn(details, message) {
        // The line about an outage has its error. The line about its end has none.
        fallback.set('err' in details ? 1 : 0);
        console.warn(message, details);
      },
    },
  }),
  // Replace it with your logins: OAuth 2.0, JWT or your own sessions.
  auth: staticTokens(JSON.parse(env.ACCESS_TOKENS || '{}')),
  onOutcome: prometheusMetrics(register),
  requestId: ({ headers }) => headers['x-request-id'],
  queryToken: false,
});

let isStopping = false;
const app = express().disable('x-powered-by');
app.get('/health', async (_request, response) => {
  const query = { text: 'SELECT 1', query_timeout: 1_000 };
  const isHealthy = await pool.query(query).then(
    () => true,
    () => false,
  );
  response.sendStatus(isHealthy && !isStopping ? 200 : 503);
});
app.use('/_matrix/client/v3', router);
app.use(matrixNotFoundHandler());
app.use(matrixErrorHandler());

// On a port of its own, which no proxy exposes.
const metrics = express().disable('x-powered-by');
metrics.get('/metrics', async (_request, response) => {
  response.type(register.contentType).send(await register.metrics());
});

const server = app.listen(Number(env.PORT || 8008), host);
server.keepAliveTimeout = 65_000; // longer than the proxy keeps idle connections
const metricsServer = metrics.listen(Number(env.METRICS_PORT || 9464), host);
await Promise.all([server, metricsServer].map((each) => once(each, 'listening')));
console.log(`Listening on ${host}, port ${env.PORT || 8008}`);

async function close(closing: Server): Promise<void> {
  const closed = once(closing, 'close');
  closing.close();
  setTimeout(() => closing.closeAllConnections(), 1_000).unref();
  await closed;
}

async function stop(): Promise<void> {
  isStopping = true; // the health check fails, and the proxy stops sending requests
  await delay(Number(env.DRAIN_MS || 5_000));
  await Promise.all([router.close(), close(server)]);
  await close(metricsServer);
  await pool.end();
  redis.disconnect();
}

process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());
