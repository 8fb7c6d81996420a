import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import type mysql from 'mysql2/promise';
import { MysqlStorage } from '../../adapters/storage/mysql/index.ts';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { MariadbServer } from '../../servers/mariadb-server.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';
import type { RoomStore } from '../../src/ports/storage.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import type { RoomLog } from './history.ts';
import type { SeededRandom } from './random.ts';
import type { RoomPlan } from './room-plan.ts';
import type { WorkerConfig } from './worker-config.ts';

/** The store of a run. */
export type Store = {
  /** How workers connect to it. */
  readonly config: WorkerConfig['store'];
  /** The driver's own access, without the proxy. */
  readonly rooms: RoomStore;
  /** The targets of faults. */
  readonly database?: Database;
  /** Resolves once no statement of others is running. */
  settled(): Promise<void>;
  close(): Promise<void>;
};

/** A database server that workers reach through a proxy. */
type Database = {
  readonly name: string;
  readonly server: {
    stop(): Promise<void>;
    crash(): Promise<void>;
    startAgain(): Promise<void>;
    signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  };
  readonly proxy: CuttingProxy;
};

export async function openSqlite(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'invite-soak-'));
  const path = join(folder, 'rooms.db');
  const database = new DatabaseSync(path);
  const rooms = new SqliteStorage(database);
  await rooms.migrate();
  return {
    config: { type: 'sqlite', path },
    rooms,
    async settled() {},
    async close() {
      database.close();
      await rm(folder, { recursive: true });
    },
  };
}

export async function openPostgres(random: SeededRandom): Promise<Store> {
  const server = await PostgresServer.start();
  const proxy = await CuttingProxy.start(server.port, random);
  const pool = server.pool({ max: 2 });
  const rooms = new PostgresStorage(pool);
  await rooms.migrate();
  return {
    config: { type: 'postgres', port: proxy.port },
    rooms,
    database: {
      name: 'PostgreSQL',
      server: {
        stop: () => server.stop('SIGINT'),
        crash: () => server.stop('SIGQUIT'),
        startAgain: () => server.startAgain(),
        async signal(signal) {
          // A process of the server can end while it is being looked up.
          await server.signalAll(signal).catch((error) => {
            if (signal === 'SIGCONT') throw error;
          });
        },
      },
      proxy,
    },
    async settled() {
      const othersAtWork = `SELECT count(*)::integer AS count FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()`;
      while ((await pool.query(othersAtWork)).rows[0].count > 0) await delay(20);
    },
    async close() {
      proxy.close();
      await server.close();
    },
  };
}

export async function openMysql(random: SeededRandom): Promise<Store> {
  const server = await MariadbServer.start();
  await server.pool().query('CREATE DATABASE rooms');
  const proxy = await CuttingProxy.start(server.port, random);
  const pool = server.pool({ database: 'rooms', connectionLimit: 2 });
  const rooms = new MysqlStorage(pool);
  await rooms.migrate();
  return {
    config: { type: 'mysql', port: proxy.port },
    rooms,
    database: {
      name: 'MariaDB',
      server: {
        stop: () => server.stop(),
        crash: () => server.stop('SIGKILL'),
        startAgain: () => server.startAgain(),
        signal: async (signal) => server.signal(signal),
      },
      proxy,
    },
    async settled() {
      const othersAtWork = `SELECT id FROM information_schema.processlist
        WHERE command NOT IN ('Sleep', 'Daemon') AND id <> CONNECTION_ID()`;
      for (;;) {
        const [rows] = await pool.query<mysql.RowDataPacket[]>(othersAtWork);
        if (rows.length === 0) return;
        await delay(20);
      }
    },
    async close() {
      proxy.close();
      await server.close();
    },
  };
}

/** Reads everything that the store has about a room. */
export async function readLog(store: Store, { room }: RoomPlan): Promise<RoomLog> {
  const { roomId, state: initial } = room;
  const page = await store.rooms.timeline(roomId, { limit: 1_000_000 });
  const state = await store.rooms.roomState(roomId);
  if (page === undefined || state === undefined) throw new Error(`the store has lost room ${roomId}`);
  const { events } = page;
  return { roomId, initial: events.slice(0, initial.length), events: events.slice(initial.length), state };
}
