import type mysql from 'mysql2/promise';
import { afterAll, beforeAll } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { MariadbServer } from '../../../servers/mariadb-server.ts';
import { roomStoreContract, storageContract, storageHarnessFor } from '../../../src/testing/index.ts';
import { testContract } from '../../testing/support.ts';

let server: MariadbServer;
let pools: readonly [mysql.Pool, mysql.Pool];
let prefixes = 0;

beforeAll(async () => {
  server = await MariadbServer.start();
  await server.pool().query('CREATE DATABASE rooms');
  const open = () => server.pool({ database: 'rooms', connectionLimit: 20 });
  pools = [open(), open()];
});
afterAll(() => server?.close());

/** Returns two storages that share tables, on two pools. */
function storages() {
  prefixes += 1;
  const tablePrefix = `t${prefixes}_`;
  const open = (pool: mysql.Pool) => new MysqlStorage(pool, { tablePrefix });
  return { tablePrefix, store: open(pools[0]), other: () => open(pools[1]) };
}

async function crashed(survivor: MysqlStorage): Promise<MysqlStorage> {
  await server.stop('SIGKILL');
  await server.startAgain();
  return survivor;
}

testContract('MysqlStorage', storageContract, async () => {
  const { tablePrefix, store, other } = storages();
  await store.migrate();
  await pools[0].query(`ALTER TABLE ${tablePrefix}events ADD CHECK (content NOT LIKE '%no thanks%')`);
  return storageHarnessFor(store, {
    secondInstance: async () => other(),
    crash: async () => crashed(other()),
    unreachable: async () => new MysqlStorage(server.pool({ port: 1 })),
    refusedContent: { membership: 'invite', reason: 'no thanks' },
  });
});

testContract('MysqlStorage', roomStoreContract, async () => {
  const { store, other } = storages();
  return { store, secondInstance: async () => other(), crash: async () => crashed(other()) };
});
