import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { MysqlStorage } from 'express-matrix-invite/storage/mysql';
import { PostgresStorage } from 'express-matrix-invite/storage/postgres';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import type mysql from 'mysql2/promise';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { MariadbServer } from '../../../servers/mariadb-server.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { pendingAddressInvitesContract } from '../../../src/testing/index.ts';
import { claim, claimed, newKey } from '../../../src/testing/pending-address-invites/harness.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { openCopy } from '../../testing/sqlite-harness.ts';
import { testContract } from '../../testing/support.ts';

let mariadb: MariadbServer;
let mysqlPools: readonly [mysql.Pool, mysql.Pool];
let server: PostgresServer;
let pools: readonly [pg.Pool, pg.Pool];

beforeAll(async () => {
  server = await PostgresServer.start();
  pools = [server.pool({ max: 20 }), server.pool({ max: 20 })];
  await new PostgresStorage(pools[0]).migrate();
  mariadb = await MariadbServer.start();
  await mariadb.pool().query('CREATE DATABASE rooms');
  const open = () => mariadb.pool({ database: 'rooms', connectionLimit: 20 });
  mysqlPools = [open(), open()];
  await new MysqlStorage(mysqlPools[0]).migrate();
});
afterAll(async () => {
  await server?.close();
  await mariadb?.close();
});

testContract(
  'MemoryStorage',
  pendingAddressInvitesContract,
  async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    return {
      pending: new MemoryStorage(),
      endClaims: async () => void vi.advanceTimersByTime(60_001),
    };
  },
  ['secondInstance', 'crash'],
);

testContract('SqliteStorage', pendingAddressInvitesContract, async () => {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const pending = new SqliteStorage(database);
  await pending.migrate();
  return {
    pending,
    secondInstance: async () => new SqliteStorage(openSqlite(path)),
    crash: () => openCopy(path),
    endClaims: async () =>
      void database.exec('UPDATE matrix_pending_addresses SET claimed_until = claimed_until - 60001'),
  };
});

testContract('PostgresStorage', pendingAddressInvitesContract, async () => {
  const pending = new PostgresStorage(pools[0]);
  return {
    pending,
    secondInstance: async () => new PostgresStorage(pools[1]),
    crash: async () => {
      await server.stop('SIGQUIT');
      await server.startAgain();
      return new PostgresStorage(pools[1]);
    },
    endClaims: async () =>
      void (await pools[0].query(
        "UPDATE matrix_pending_addresses SET claimed_until = claimed_until - interval '61 seconds'",
      )),
  };
});

testContract('MysqlStorage', pendingAddressInvitesContract, async () => ({
  pending: new MysqlStorage(mysqlPools[0]),
  secondInstance: async () => new MysqlStorage(mysqlPools[1]),
  crash: async () => {
    await mariadb.stop('SIGKILL');
    await mariadb.startAgain();
    return new MysqlStorage(mysqlPools[1]);
  },
  endClaims: async () =>
    void (await mysqlPools[0].query(
      'UPDATE matrix_pending_addresses SET claimed_until = claimed_until - INTERVAL 61 SECOND',
    )),
}));

it('every store says how long a claim still lasts', async () => {
  const sqlite = new SqliteStorage(openSqlite(await newSqlitePath()));
  await sqlite.migrate();
  const stores = [
    new MemoryStorage(),
    sqlite,
    new PostgresStorage(pools[0]),
    new MysqlStorage(mysqlPools[0]),
  ];
  for (const store of stores) {
    const key = newKey();
    await claimed(store, key);
    expect(await claim(store, key)).toEqual({ outcome: 'inProgress', remainingMs: expect.any(Number) });
  }
});
