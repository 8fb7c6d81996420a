import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { StoreConfig } from '../server/config.ts';
import type { Case } from './case.ts';
import { countMysql, dropMysql, seedMysql } from './seed-mysql.ts';
import { countPostgres, dropPostgres, seedPostgres } from './seed-postgres.ts';
import { countSqlite, seedSqlite } from './seed-sqlite.ts';
import type { ServerProcess } from './server-process.ts';
import type { Testbed } from './testbed.ts';

/** The rooms of a case, in the case's store. */
export type Store = {
  readonly config: StoreConfig;
  countEvents(server: ServerProcess): Promise<number>;
  remove(): Promise<void>;
};

let stores = 0;

/** Creates new rooms, so that no measurement depends on what another one left behind. */
export async function makeStore(
  testbed: Testbed,
  { store, ...rooms }: Pick<Case, 'store' | 'rooms' | 'members' | 'levels'>,
): Promise<Store> {
  stores += 1;
  switch (store) {
    case 'memory':
      return {
        config: { kind: 'memory', ...rooms },
        countEvents: (server) => server.query('countEvents'),
        async remove() {},
      };
    case 'sqlite': {
      const file = join(testbed.folder, `rooms${stores}.sqlite`);
      await seedSqlite(file, rooms);
      return {
        config: { kind: 'sqlite', file },
        countEvents: async () => countSqlite(file),
        async remove() {
          for (const suffix of ['', '-wal', '-shm']) await rm(file + suffix, { force: true });
        },
      };
    }
    case 'postgres': {
      const { pool, connection } = postgresOf(testbed);
      const tablePrefix = `bench${stores}_`;
      await seedPostgres(pool, tablePrefix, rooms);
      return {
        config: { kind: 'postgres', connection, tablePrefix },
        countEvents: () => countPostgres(pool, tablePrefix),
        remove: () => dropPostgres(pool, tablePrefix),
      };
    }
    case 'mysql': {
      const { mariadb } = testbed;
      if (mariadb === undefined) throw new Error('MariaDB was not started');
      const tablePrefix = `bench${stores}_`;
      const pool = mariadb.pool({ connectionLimit: 2 });
      await seedMysql(pool, tablePrefix, rooms);
      return {
        config: { kind: 'mysql', connection: mariadb.connection, tablePrefix },
        countEvents: () => countMysql(pool, tablePrefix),
        remove: () => dropMysql(pool, tablePrefix),
      };
    }
  }
}

export function postgresOf(testbed: Testbed): { pool: pg.Pool; connection: pg.ClientConfig } {
  if (testbed.postgres === undefined || testbed.pool === undefined) {
    throw new Error('PostgreSQL was not started');
  }
  return { pool: testbed.pool, connection: testbed.postgres.connection };
}
