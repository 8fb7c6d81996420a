// Serves the router, and routes for the host app's own changes: worker.ts <config>
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import express from 'express';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { RedisRateLimit } from '../../adapters/rate-limit/redis/index.ts';
import { type MysqlPool, MysqlStorage } from '../../adapters/storage/mysql/index.ts';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { createInviteRouter } from '../../src/index.ts';
import type { RateLimitAdapter } from '../../src/ports/rate-limit.ts';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { NewStateEvent } from '../../src/rooms/event.ts';
import { watchOwnPauses } from './own-pauses.ts';
import { sabotaged } from './sabotage.ts';
import type { WorkerConfig, WorkerMessage } from './worker-config.ts';

/** Prints errors only: warnings are outages, which a run causes on purpose. */
const logger = {
  debug() {},
  info() {},
  warn() {},
  error(details: object, message: string) {
    console.error(message, details);
  },
};

/** A connection that is not released by then never will be. */
const MAX_SETTLING_MS = 20_000;

const config: WorkerConfig = JSON.parse(process.argv[2] ?? '');
const { storage, isIdle } = openStore(config);

type OpenStore = {
  readonly storage: RoomStore;
  /** Returns true if no statement is running: an abandoned one can still store its event. */
  readonly isIdle: () => boolean;
};

function openStore({ store, deadlineMs }: WorkerConfig): OpenStore {
  if (store.type === 'sqlite') {
    return { storage: new SqliteStorage(new DatabaseSync(store.path)), isIdle: () => true };
  }
  if (store.type === 'mysql') return openMysql(store.port, deadlineMs);
  const pool = new pg.Pool({
    host: '127.0.0.1',
    port: store.port,
    user: 'postgres',
    database: 'postgres',
    max: 10,
    connectionTimeoutMillis: deadlineMs,
  });
  pool.on('error', () => {});
  return {
    storage: new PostgresStorage(pool, { lockTimeoutMs: deadlineMs }),
    isIdle: () => pool.waitingCount === 0 && pool.idleCount === pool.totalCount,
  };
}

function openMysql(port: number, connectTimeout: number): OpenStore {
  const pool = mysql.createPool({
    host: '127.0.0.1',
    port,
    user: 'root',
    database: 'rooms',
    connectionLimit: 10,
    connectTimeout,
  });
  let inUse = 0;
  const counted: MysqlPool = {
    on: (event, listener) => pool.on(event, listener),
    async getConnection() {
      const connection = await pool.getConnection();
      inUse += 1;
      const returned = (end: () => void) => () => {
        inUse -= 1;
        end.call(connection);
      };
      connection.release = returned(connection.release);
      connection.destroy = returned(connection.destroy);
      return connection;
    },
  };
  return { storage: new MysqlStorage(counted), isIdle: () => inUse === 0 };
}

function rateLimitOf({ redis, limits }: WorkerConfig): RateLimitAdapter {
  if (redis === undefined) return new MemoryRateLimit(limits);
  const client = new Redis(redis.port, '127.0.0.1');
  client.on('error', () => {});
  return new RedisRateLimit(client, { limits, onStoreError: redis.onStoreError, logger });
}

const notices: { roomId: string; eventId: string }[] = [];

function sendToDriver(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

async function sendNotices(): Promise<void> {
  if (notices.length > 0) await sendToDriver({ type: 'notices', notices: notices.splice(0) });
}

const router = createInviteRouter({
  serverName: 'example.org',
  storage: config.sabotage === undefined ? storage : sabotaged(storage, config.sabotage),
  // The token is the user ID: authentication is not under test.
  auth: { authenticate: async ({ accessToken }) => ({ requester: { userId: accessToken } }) },
  rateLimit: rateLimitOf(config),
  deadlineMs: config.deadlineMs,
  logger,
  onInvite({ event, eventId = '' }) {
    notices.push({ roomId: event.room_id, eventId });
  },
});

const app = express();
app.use('/_matrix/client/v3', router);
app.post('/host/put', express.json(), async (request, response) => {
  try {
    response.json(await storage.putState(request.body as NewStateEvent));
  } catch {
    response.status(503).json({});
  }
});
app.post('/host/settle', async (_request, response) => {
  const giveUp = AbortSignal.timeout(MAX_SETTLING_MS);
  // Pending calls of onInvite run in later turns of the event loop.
  do await delay(50);
  while (!isIdle() && !giveUp.aborted);
  await sendNotices();
  response.status(isIdle() ? 200 : 500).json({});
});

const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
setInterval(() => void sendNotices(), 20);
watchOwnPauses((from, to) => {
  const { timeOrigin } = performance;
  void sendToDriver({ type: 'paused', from: timeOrigin + from, to: timeOrigin + to });
});
process.on('disconnect', () => process.exit());
await sendToDriver({ type: 'listening', port: (server.address() as AddressInfo).port });
