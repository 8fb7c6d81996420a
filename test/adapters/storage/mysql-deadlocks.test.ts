import { randomUUID } from 'node:crypto';
import type { QueryOptions, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { TestMariadb } from '../../../servers/test-mariadb.ts';
import type { AddressKey } from '../../../src/ports/pending-address-invites.ts';
import { newInvite, newKey } from '../../../src/testing/pending-address-invites/harness.ts';
import { hasLockWait } from '../../support/mysql-waits.ts';
import { inTime } from '../../support/storage-room.ts';

let database: TestMariadb;
let store: MysqlStorage;

beforeAll(async () => {
  database = await TestMariadb.open();
  const pool = database.pool();
  store = new MysqlStorage(pool);
  await store.migrate();
  await pool.query('CREATE TABLE totals (id INT PRIMARY KEY, changes INT NOT NULL) ENGINE = InnoDB');
  await pool.query('CREATE TABLE audit (id CHAR(36) PRIMARY KEY) ENGINE = InnoDB');
  await pool.query('INSERT INTO totals VALUES (1, 0)');
  for (const change of ['INSERT', 'UPDATE', 'DELETE']) {
    await pool.query(
      `CREATE TRIGGER count_${change} AFTER ${change} ON matrix_pending_addresses FOR EACH ROW
       UPDATE totals SET changes = changes + 1 WHERE id = 1`,
    );
  }
});
afterAll(() => database?.close());

async function numberIn(sql: string): Promise<number> {
  const [[row]] = await database.pool().query<RowDataPacket[]>(sql);
  return Number(row?.value);
}

const deadlocks = () =>
  numberIn(
    "SELECT variable_value AS value FROM information_schema.global_status WHERE variable_name = 'innodb_deadlocks'",
  );

/**
 * Starts a change of the store that waits for the total, which a transaction of the host app has locked. When that
 * transaction then waits for the row that the store has changed, the server rolls the smaller one of the two back.
 */
async function inDeadlock<Result>(change: () => Promise<Result>): Promise<Result> {
  const host = await database.pool().getConnection();
  const before = await deadlocks();
  await host.query('BEGIN');
  await host.query('UPDATE totals SET changes = changes + 1 WHERE id = 1');
  await host.query('INSERT INTO audit VALUES ?', [Array.from({ length: 200 }, () => [randomUUID()])]);
  const changing = change();
  changing.catch(() => {});
  await eventually('the store waits', () => hasLockWait(database.pool()));
  await host.query('SELECT * FROM matrix_pending_addresses FOR UPDATE');
  await host.query('COMMIT');
  host.release();
  const result = await changing;
  expect(await deadlocks()).toBe(before + 1);
  return result;
}

async function claimed(key: AddressKey): Promise<string> {
  const claim = await store.claimAddress(key, inTime());
  if (claim.outcome !== 'claimed') throw new Error(`The address is ${claim.outcome}`);
  return claim.claimId;
}

describe('a change that the server has rolled back to end a deadlock', () => {
  it('of claimAddress is sent again', async () => {
    const key = newKey();
    expect(await inDeadlock(() => store.claimAddress(key, inTime()))).toMatchObject({ outcome: 'claimed' });
    expect(await store.claimAddress(key, inTime())).toMatchObject({ outcome: 'inProgress' });
  });

  it('of settleAddress is sent again', async () => {
    const [key, invite] = [newKey(), newInvite()];
    const claimId = await claimed(key);
    expect(await inDeadlock(() => store.settleAddress(key, claimId, invite, inTime()))).toEqual(invite);
    expect(await store.claimAddress(key, inTime())).toEqual({ outcome: 'stored', invite });
  });

  it('of releaseAddress is sent again', async () => {
    const key = newKey();
    const claimId = await claimed(key);
    await inDeadlock(() => store.releaseAddress(key, claimId, inTime()));
    await claimed(key);
  });

  it('of forgetAddress is sent again', async () => {
    const [key, invite] = [newKey(), newInvite()];
    await store.settleAddress(key, await claimed(key), invite, inTime());
    await inDeadlock(() => store.forgetAddress(key, invite.token, inTime()));
    await claimed(key);
  });
});

it('an invite that another process forgets as soon as it is stored is not an error', async () => {
  const [key, invite] = [newKey(), newInvite()];
  const claimId = await claimed(key);
  const pool = database.pool();
  const forgetful = new MysqlStorage({
    async getConnection() {
      const connection = await pool.getConnection();
      return Object.assign(Object.create(connection), {
        async query(query: QueryOptions) {
          const result = await connection.query(query);
          if (query.sql.includes('COALESCE(invite')) await store.forgetAddress(key, invite.token, inTime());
          return result;
        },
      });
    },
  });
  expect(await forgetful.settleAddress(key, claimId, invite, inTime())).toEqual(invite);
  await claimed(key);
});
