import type pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { roomStoreContract, storageContract, storageHarnessFor } from '../../../src/testing/index.ts';
import { testContract } from '../../testing/support.ts';

let server: PostgresServer;
let pools: readonly [pg.Pool, pg.Pool];
let prefixes = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
  pools = [server.pool({ max: 20 }), server.pool({ max: 20 })];
});
afterAll(() => server?.close());

/** Returns two storages that share tables, on two pools. */
function storages() {
  prefixes += 1;
  const tablePrefix = `t${prefixes}_`;
  const open = (pool: pg.Pool) => new PostgresStorage(pool, { tablePrefix });
  return { tablePrefix, store: open(pools[0]), other: () => open(pools[1]) };
}

async function crashed(survivor: PostgresStorage): Promise<PostgresStorage> {
  await server.stop('SIGQUIT');
  await server.startAgain();
  return survivor;
}

testContract('PostgresStorage', storageContract, async () => {
  const { tablePrefix, store, other } = storages();
  await store.migrate();
  await pools[0].query(`ALTER TABLE ${tablePrefix}events ADD CHECK (content NOT LIKE '%no thanks%')`);
  return storageHarnessFor(store, {
    secondInstance: async () => other(),
    crash: async () => crashed(other()),
    unreachable: async () => new PostgresStorage(server.pool({ port: 1 })),
    refusedContent: { membership: 'invite', reason: 'no thanks' },
  });
});

testContract('PostgresStorage', roomStoreContract, async () => {
  const { store, other } = storages();
  return { store, secondInstance: async () => other(), crash: async () => crashed(other()) };
});
