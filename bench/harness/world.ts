import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { PostgresServer } from '../../servers/postgres-server.ts';
import { RedisServer } from '../../servers/redis-server.ts';
import { buildServer, removeServer } from './build.ts';
import type { Case } from './case.ts';
import { checkDisk } from './disk.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What the measurements share: the servers' code, PostgreSQL, Redis, and a folder. */
export class World {
  readonly serverFile: string;
  readonly folder: string;
  /** Started only where a case is on them. */
  readonly postgres: PostgresServer | undefined;
  readonly redis: RedisServer | undefined;
  readonly pool: pg.Pool | undefined;

  private constructor(
    serverFile: string,
    folder: string,
    postgres: PostgresServer | undefined,
    redis: RedisServer | undefined,
  ) {
    this.serverFile = serverFile;
    this.folder = folder;
    this.postgres = postgres;
    this.redis = redis;
    this.pool = postgres?.pool({ max: 2 });
    for (const signal of SIGNALS) process.once(signal, this.#interrupted);
  }

  /** @param hasCommitRates whether PostgreSQL's own is measured as well */
  static async start(cases: readonly Case[], hasCommitRates = false): Promise<World> {
    await checkDisk(tmpdir());
    const serverFile = await buildServer();
    const needsPostgres = hasCommitRates || cases.some(({ store }) => store === 'postgres');
    const needsRedis = cases.some(({ limits }) => limits === 'redis');
    const postgres = needsPostgres ? await PostgresServer.start() : undefined;
    const redis = needsRedis ? await RedisServer.start() : undefined;
    return new World(serverFile, await mkdtemp(join(tmpdir(), 'invite-bench-')), postgres, redis);
  }

  async close(): Promise<void> {
    for (const signal of SIGNALS) process.off(signal, this.#interrupted);
    await this.postgres?.close();
    await this.redis?.close();
    await rm(this.folder, { recursive: true, force: true });
    await removeServer();
  }

  /** PostgreSQL would run on without us. */
  readonly #interrupted = () => {
    void this.close().finally(() => process.exit(1));
  };
}
