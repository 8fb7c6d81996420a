import { createPool } from 'mysql2';
import type mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MysqlQuery } from '../../../adapters/storage/mysql/connection.ts';
import { type MysqlPool, MysqlStorage, mysqlSchema } from '../../../adapters/storage/mysql/index.ts';
import { TestMariadb } from '../../../servers/test-mariadb.ts';
import { Child } from '../../support/child.ts';
import { CREATE, inTime, invite, newRoom } from '../../support/storage-room.ts';

let database: TestMariadb;

beforeAll(async () => {
  database = await TestMariadb.open();
});
afterAll(() => database?.close());

const newPool = async () => database.pool({ uri: await database.newDatabase() });

/** Returns what the statements create, and the versions. */
async function schemaOf(pool: mysql.Pool): Promise<unknown> {
  const [versions] = await pool.query('SELECT version FROM matrix_schema ORDER BY 1');
  const tables = ['matrix_events', 'matrix_schema'].map(async (table) => {
    const [rows] = await pool.query<mysql.RowDataPacket[]>(`SHOW CREATE TABLE ${table}`);
    return rows[0]?.['Create Table'];
  });
  return [versions, await Promise.all(tables)];
}

describe('migrate', () => {
  it('runs in eight processes at once, twice in each', { timeout: 240_000 }, async () => {
    const uri = await database.newDatabase();
    const children = Array.from({ length: 8 }, () => new Child('mysql-migrate.ts', uri));
    await Promise.all(children.map((child) => child.hasPrinted(1)));
    for (const child of children) child.process.stdin.write('go\n');
    await Promise.all(children.map((child) => child.end()));
    const pool = database.pool({ uri });
    expect((await pool.query('SELECT version FROM matrix_schema'))[0]).toEqual([{ version: 1 }]);
    expect(await new MysqlStorage(pool).createRoom(newRoom())).toBe('created');
  });

  it('does nothing if the host app ran the exported SQL, and otherwise creates the same schema', async () => {
    const byHand = await newPool();
    for (const statement of mysqlSchema()) await byHand.query(statement);
    const expected = await schemaOf(byHand);
    const storage = new MysqlStorage(byHand);
    const room = newRoom();
    await storage.createRoom(room);
    await storage.migrate();
    expect(await schemaOf(byHand)).toEqual(expected);
    expect(await storage.roomState(room.roomId)).toHaveLength(2);

    const migrated = await newPool();
    await new MysqlStorage(migrated).migrate();
    expect(await schemaOf(migrated)).toEqual(expected);
  });

  it('leaves tables of a later release as they are', async () => {
    const pool = await newPool();
    const storage = new MysqlStorage(pool);
    await storage.migrate();
    await pool.query('INSERT INTO matrix_schema VALUES (1000)');
    const before = await schemaOf(pool);
    await storage.migrate();
    expect(await schemaOf(pool)).toEqual(before);
  });

  it.each([1, 2])('goes on where another process was killed, after %d statements', async (count) => {
    const pool = await newPool();
    for (const statement of mysqlSchema().slice(0, count)) await pool.query(statement);
    await new MysqlStorage(pool).migrate();
    expect((await pool.query('SELECT version FROM matrix_schema'))[0]).toEqual([{ version: 1 }]);
  });

  it('waits for another process that migrates', async () => {
    const pool = await newPool();
    const other = await pool.getConnection();
    await other.query("DO GET_LOCK('express-matrix-invite', 0)");
    let isDone = false;
    const migrating = new MysqlStorage(pool).migrate().then(() => {
      isDone = true;
    });
    await expect
      .poll(async () => {
        const sql = `SELECT 1 FROM information_schema.processlist WHERE state = 'User lock'`;
        return ((await pool.query(sql))[0] as unknown[]).length;
      })
      .toBe(1);
    expect(isDone).toBe(false);
    await other.query("DO RELEASE_LOCK('express-matrix-invite')");
    await migrating;
    other.release();
  });

  it('waits only once for another process that migrates, and closes no connection', async () => {
    const pool = await newPool();
    const connections = await Promise.all([1, 2, 3].map(() => pool.getConnection()));
    const [holder, ...others] = connections;
    await holder?.query("DO GET_LOCK('express-matrix-invite', 0)");
    for (const each of others) each.release();
    let waits = 0;
    let closed = 0;
    const impatient: MysqlPool = {
      async getConnection() {
        const connection = await pool.getConnection();
        return {
          query(query: MysqlQuery) {
            if (!query.sql.includes('GET_LOCK')) return connection.query(query);
            waits += 1;
            return connection.query({ ...query, values: ['express-matrix-invite', 0] });
          },
          release: () => connection.release(),
          destroy() {
            closed += 1;
            connection.destroy();
          },
          on: connection.on.bind(connection),
          removeListener: connection.removeListener.bind(connection),
        };
      },
    };
    await expect(new MysqlStorage(impatient).migrate()).rejects.toThrow('Another process is still migrating');
    expect([waits, closed]).toEqual([1, 0]);
    await holder?.query("DO RELEASE_LOCK('express-matrix-invite')");
    holder?.release();
    await new MysqlStorage(impatient).migrate();
  });

  it('does not commit a transaction that the host app has left open', async () => {
    const pool = database.pool({ uri: await database.newDatabase(), connectionLimit: 1 });
    await pool.query('CREATE TABLE theirs (number INT) ENGINE = InnoDB');
    await pool.query('BEGIN');
    await pool.query('INSERT INTO theirs VALUES (1)');
    await new MysqlStorage(pool).migrate();
    expect((await pool.query('SELECT * FROM theirs'))[0]).toEqual([]);
  });
});

it('Missing tables cause an error that says what to do', async () => {
  const storage = new MysqlStorage(database.pool(), { tablePrefix: 'nowhere_' });
  const read = storage.readState('!a', [CREATE], inTime());
  await expect(read).rejects.toThrow('call migrate() first');
  await expect(read).rejects.toMatchObject({ isNotStored: true, cause: { errno: 1146 } });
});

it('A room of 20,000 members is created at once, and found by its newest events', async () => {
  const storage = new MysqlStorage(database.pool());
  await storage.migrate();
  const { roomId, state } = newRoom();
  const member = (index: number) => `@member${index}:example.org`;
  const members = Array.from({ length: 20_000 }, (_, index) => ({
    type: 'm.room.member',
    state_key: member(index),
    sender: member(index),
    origin_server_ts: 1,
    content: { membership: 'join' },
  }));
  expect(await storage.createRoom({ roomId, state: [...state, ...members] })).toBe('created');
  expect(await storage.roomState(roomId)).toHaveLength(20_002);
  expect((await storage.timeline(roomId, { after: 20_000 }))?.next).toBe(20_002);
});

it('The cost of a read does not grow with the number of events of its keys', async () => {
  const pool = await newPool();
  const storage = new MysqlStorage(pool);
  await storage.migrate();
  const { roomId, state } = newRoom();
  await storage.createRoom({ roomId, state });
  const name = { ...state[0], type: 'm.room.name', state_key: '', sender: '@a:b', origin_server_ts: 1 };
  const renamed = newRoom();
  const names = Array.from({ length: 20_000 }, (_, index) => ({ ...name, content: { name: String(index) } }));
  await storage.createRoom({ roomId: renamed.roomId, state: [...renamed.state, ...names] });
  await pool.query('ANALYZE TABLE matrix_events');
  const rowsRead = async (id: string) => {
    const one = database.pool({ uri: uriOf(pool), connectionLimit: 1 });
    const own = new MysqlStorage(one);
    await one.query('FLUSH STATUS');
    expect((await own.readState(id, [name, CREATE], inTime()))?.events).toHaveLength(id === roomId ? 1 : 2);
    expect((await invite(own, id, `@${Math.random()}:example.org`)).outcome).toBe('appended');
    const [rows] = await one.query<mysql.RowDataPacket[]>(`SHOW SESSION STATUS LIKE 'Handler_read%'`);
    return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
  };
  const small = await rowsRead(roomId);
  expect(await rowsRead(renamed.roomId)).toBeLessThan(small + 20);
});

function uriOf(pool: mysql.Pool): string {
  const {
    host,
    port,
    user,
    password = '',
    database: name,
  } = (
    pool.pool as unknown as {
      config: { connectionConfig: mysql.ConnectionOptions };
    }
  ).config.connectionConfig;
  return `mysql://${user}:${password}@${host}:${port}/${name}`;
}

describe('tablePrefix', () => {
  it('separates storages in one database, and may name another one', async () => {
    const pool = database.pool();
    const other = new URL(await database.newDatabase()).pathname.slice(1);
    const storages = ['one_', 'two_', `${other}.m_`].map(
      (tablePrefix) => new MysqlStorage(pool, { tablePrefix }),
    );
    const room = newRoom();
    for (const storage of storages) {
      await storage.migrate();
      expect(await storage.createRoom(room)).toBe('created');
    }
    for (const [index, storage] of storages.entries()) {
      expect(await invite(storage, room.roomId, `@guest${index}:example.org`)).toMatchObject({
        outcome: 'appended',
      });
      expect(await storage.roomState(room.roomId)).toHaveLength(3);
    }
  });

  it.each(['', '1a', 'a-b', 'a b', 'a;b', 'a`', 'ä', 'a\n', 'Matrix_', 'p'.repeat(51)])(
    'throws a TypeError for %j',
    (tablePrefix) => {
      expect(() => new MysqlStorage(database.pool(), { tablePrefix })).toThrow(TypeError);
      expect(() => mysqlSchema(tablePrefix)).toThrow(TypeError);
    },
  );
});

describe('the constructor', () => {
  it('does not use the pool', () => {
    const untouchable: MysqlPool = { getConnection: () => expect.unreachable() };
    expect(() => new MysqlStorage(untouchable)).not.toThrow();
  });

  it('throws for a pool that takes callbacks', () => {
    const pool = createPool({});
    expect(() => new MysqlStorage(pool as never)).toThrow(/mysql2\/promise/);
    expect(() => new MysqlStorage(pool.promise())).not.toThrow();
  });

  it('throws for a timeout of 0 ms', () => {
    expect(() => new MysqlStorage(database.pool(), { queryTimeoutMs: 0 })).toThrow(/queryTimeoutMs/);
  });
});
