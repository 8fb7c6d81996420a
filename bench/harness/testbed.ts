import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { MariadbServer } from '../../servers/mariadb-server.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';
import { RedisServer } from '../../servers/redis-server.ts';
import { buildServer, removeServer } from './build.ts';
import type { Case } from './case.ts';
import { checkDisk } from './disk.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Everything that measurements share: the built server, the database servers and a temporary folder. */
export class Testbed {
  readonly serverFile: string;
  readonly folder: string;
  /** Set if a case uses PostgreSQL. */
  readonly postgres: PostgresServer | undefined;
  /** Set if a case uses MariaDB. */
  readonly mariadb: MariadbServer | undefined;
  /** Set if a case uses Redis. */
  readonly redis: RedisServer | undefined;
  readonly pool: pg.Pool | undefined;

  private constructor(
    serverFile: string,
    folder: string,
    postgres: PostgresServer | undefined,
    mariadb: MariadbServer | undefined,
    redis: RedisServer | undefined,
  ) {
    this.serverFile = serverFile;
    this.folder = folder;
    this.postgres = postgres;
    this.mariadb = mariadb;
    this.redis = redis;
    this.pool = postgres?.pool({ max: 2 });
    for (const signal of SIGNALS) process.once(signal, this.#onSignal);
  }

  /** @param measuresPgbench starts PostgreSQL even if no case uses it */
  static async start(cases: readonly Case[], measuresPgbench = false): Promise<Testbed> {
    await checkDisk(tmpdir());
    const serverFile = await buildServer();
    const needsPostgres = measuresPgbench || cases.some(({ store }) => store === 'postgres');
    const needsRedis = cases.some(({ limits }) => limits === 'redis');
    const postgres = needsPostgres ? await PostgresServer.start() : undefined;
    const needsMariadb = cases.some(({ store }) => store === 'mysql');
    const mariadb = needsMariadb ? await MariadbServer.start() : undefined;
    const redis = needsRedis ? await RedisServer.start() : undefined;
    return new Testbed(serverFile, await mkdtemp(join(tmpdir(), 'invite-bench-')), postgres, mariadb, redis);
  }

  async close(): Promise<void> {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    await this.postgres?.close();
    await this.mariadb?.close();
    await this.redis?.close();
    await rm(this.folder, { recursive: true, force: true });
    await removeServer();
  }

  /** PostgreSQL would outlive this process. */
  readonly #onSignal = () => {
    void this.close().finally(() => process.exit(1));
  };
}
