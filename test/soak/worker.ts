// A process that serves the product's router, and a small way for the host's own changes: worker.ts <settings>
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { RedisRateLimit } from '../../adapters/rate-limit/redis/index.ts';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { createInviteRouter } from '../../src/index.ts';
import type { RateLimitAdapter } from '../../src/ports/rate-limit.ts';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { NewStateEvent } from '../../src/rooms/event.ts';
import { sabotaged } from './sabotage.ts';
import type { WorkerMessage, WorkerSettings } from './worker-settings.ts';

/** Outages, which are warnings, are what the run is about; nothing else may go wrong. */
const logger = {
  debug() {},
  info() {},
  warn() {},
  error(details: object, message: string) {
    console.error(message, details);
  },
};

/** A connection that is not given back by then never is. */
const LONGEST_SETTLING_MS = 20_000;

const settings: WorkerSettings = JSON.parse(process.argv[2] ?? '');
const { storage, isIdle } = openStore(settings);

type OpenStore = {
  readonly storage: RoomStore;
  /** Whether no statement is under way: one that was given up may still store its event. */
  readonly isIdle: () => boolean;
};

function openStore({ store, deadlineMs }: WorkerSettings): OpenStore {
  if (store.type === 'sqlite') {
    return { storage: new SqliteStorage(new DatabaseSync(store.path)), isIdle: () => true };
  }
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

function rateLimitOf({ redis, limits }: WorkerSettings): RateLimitAdapter {
  if (redis === undefined) return new MemoryRateLimit(limits);
  const client = new Redis(redis.port, '127.0.0.1');
  client.on('error', () => {});
  return new RedisRateLimit(client, { limits, onStoreError: redis.onStoreError, logger });
}

const notices: { roomId: string; eventId: string }[] = [];

function tell(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

async function tellNotices(): Promise<void> {
  if (notices.length > 0) await tell({ type: 'notices', notices: notices.splice(0) });
}

const router = createInviteRouter({
  serverName: 'example.org',
  storage: settings.sabotage === undefined ? storage : sabotaged(storage, settings.sabotage),
  // The token is the user's id: logins are not what is tried here.
  auth: { authenticate: async ({ accessToken }) => ({ requester: { userId: accessToken } }) },
  rateLimit: rateLimitOf(settings),
  deadlineMs: settings.deadlineMs,
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
  const giveUp = AbortSignal.timeout(LONGEST_SETTLING_MS);
  // What is still on its way to onInvite goes there in later turns of the event loop.
  do await delay(50);
  while (!isIdle() && !giveUp.aborted);
  await tellNotices();
  response.status(isIdle() ? 200 : 500).json({});
});

const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
setInterval(() => void tellNotices(), 20);
process.on('disconnect', () => process.exit());
await tell({ type: 'listening', port: (server.address() as AddressInfo).port });
