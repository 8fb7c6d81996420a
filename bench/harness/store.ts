import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { StoreSetting } from '../server/setting.ts';
import type { Case } from './case.ts';
import { countPostgres, dropPostgres, seedPostgres } from './seed-postgres.ts';
import { countSqlite, seedSqlite } from './seed-sqlite.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

/** The rooms of a case, in the store that it is on. */
export type Store = {
  readonly setting: StoreSetting;
  countEvents(server: ServerProcess): Promise<number>;
  remove(): Promise<void>;
};

let stores = 0;

/** Makes the rooms anew, so that no measurement stands on what another has left. */
export async function makeStore(
  world: World,
  { store, rooms, members }: Pick<Case, 'store' | 'rooms' | 'members'>,
): Promise<Store> {
  stores += 1;
  switch (store) {
    case 'memory':
      return {
        setting: { kind: 'memory', rooms, members },
        countEvents: (server) => server.ask('countEvents'),
        async remove() {},
      };
    case 'sqlite': {
      const file = join(world.folder, `rooms${stores}.sqlite`);
      await seedSqlite(file, rooms, members);
      return {
        setting: { kind: 'sqlite', file },
        countEvents: async () => countSqlite(file),
        async remove() {
          for (const ending of ['', '-wal', '-shm']) await rm(file + ending, { force: true });
        },
      };
    }
    case 'postgres': {
      const { pool, connection } = postgresOf(world);
      const tablePrefix = `bench${stores}_`;
      await seedPostgres(pool, tablePrefix, rooms, members);
      return {
        setting: { kind: 'postgres', connection, tablePrefix },
        countEvents: () => countPostgres(pool, tablePrefix),
        remove: () => dropPostgres(pool, tablePrefix),
      };
    }
  }
}

export function postgresOf(world: World): { pool: pg.Pool; connection: pg.ClientConfig } {
  if (world.postgres === undefined || world.pool === undefined) throw new Error('PostgreSQL was not started');
  return { pool: world.pool, connection: world.postgres.connection };
}
