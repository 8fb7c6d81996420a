import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type PostgresPool,
  PostgresStorage,
  postgresSchema,
} from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { isStorageUnavailable } from '../../../src/errors.ts';
import { Child } from '../../support/child.ts';
import { ALICE, CREATE, inTime, invite, member, newRoom } from '../../support/storage-room.ts';

let database: TestPostgres;

beforeAll(async () => {
  database = await TestPostgres.open();
});
afterAll(() => database?.close());

/** Returns everything that the scripts create, from PostgreSQL's catalog, and the version. */
async function schemaOf(pool: pg.Pool): Promise<unknown> {
  const rowsOf = async (sql: string) => (await pool.query(sql)).rows;
  return {
    columns: await rowsOf(`SELECT table_name, ordinal_position, column_name, data_type, is_nullable,
        collation_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`),
    indexes: await rowsOf(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`),
    functions: await rowsOf(`SELECT pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1`),
    options: await rowsOf(`SELECT relname, reloptions FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`),
    versions: await rowsOf('SELECT version FROM matrix_schema'),
  };
}

describe('migrate', () => {
  it('runs in eight processes at once, twice in each', { timeout: 240_000 }, async () => {
    const children = Array.from({ length: 8 }, () => new Child('postgres-migrate.ts', database.url));
    await Promise.all(children.map((child) => child.hasPrinted(1)));
    for (const child of children) child.process.stdin.write('go\n');
    await Promise.all(children.map((child) => child.end()));

    const pool = database.pool();
    expect((await pool.query('SELECT version FROM matrix_schema')).rows).toEqual([{ version: 2 }]);
    expect(await new PostgresStorage(pool).createRoom(newRoom())).toBe('created');
  });

  it('does nothing if the host app ran the exported SQL, and otherwise creates the same schema', async () => {
    const byHand = await database.newDatabase();
    for (const script of postgresSchema()) await byHand.query(script);
    const expected = await schemaOf(byHand);

    const storage = new PostgresStorage(byHand);
    const room = newRoom();
    await storage.createRoom(room);
    await storage.migrate();
    expect(await schemaOf(byHand)).toEqual(expected);
    expect(await storage.roomState(room.roomId)).toHaveLength(2);

    const migrated = await database.newDatabase();
    await new PostgresStorage(migrated).migrate();
    expect(await schemaOf(migrated)).toEqual(expected);
  });

  it('brings tables of version 1 up to date, and keeps their rooms', async () => {
    const [expected, pool] = [await database.newDatabase(), await database.newDatabase()];
    const storage = new PostgresStorage(pool);
    await pool.query(postgresSchema()[0] ?? '');
    const room = newRoom();
    await storage.createRoom(room);
    await storage.migrate();
    await new PostgresStorage(expected).migrate();
    expect(await schemaOf(pool)).toEqual(await schemaOf(expected));
    expect(await storage.roomState(room.roomId)).toHaveLength(2);
  });

  it('leaves tables of a later release as they are', async () => {
    const pool = await database.newDatabase();
    const storage = new PostgresStorage(pool);
    await storage.migrate();
    await pool.query('INSERT INTO matrix_schema VALUES (1000)');
    const before = await schemaOf(pool);
    await storage.migrate();
    expect(await schemaOf(pool)).toEqual(before);
  });

  it('creates everything or nothing', async () => {
    const pool = await database.newDatabase();
    await pool.query('CREATE TABLE matrix_state (theirs integer)');
    await expect(new PostgresStorage(pool).migrate()).rejects.toSatisfy(isStorageUnavailable);
    const { rows } = await pool.query(`SELECT relname FROM pg_class WHERE relname LIKE 'matrix_%'`);
    expect(rows).toEqual([{ relname: 'matrix_state' }]);
    await pool.query('DROP TABLE matrix_state');
    await new PostgresStorage(pool).migrate();
    expect((await pool.query('SELECT count(*)::int AS count FROM matrix_state')).rows).toEqual([
      { count: 0 },
    ]);
  });

  it.each(['repeatable read', 'serializable'])(
    'works with the default isolation level %s',
    async (isolation) => {
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
      const storages = Array.from(
        { length: 4 },
        () =>
          new PostgresStorage(database.pool({ options }), { tablePrefix: `${isolation.replace(' ', '_')}_` }),
      );
      await Promise.all(storages.map((storage) => storage.migrate()));
      await Promise.all(storages.map((storage) => storage.migrate()));
      expect(await storages[0]?.createRoom(newRoom())).toBe('created');
    },
  );
});

describe('an incomplete schema', () => {
  it('without tables causes an error that says what to do', async () => {
    const storage = new PostgresStorage(database.pool(), { tablePrefix: 'nowhere_' });
    const read = storage.readState('!a', [CREATE], inTime());
    await expect(read).rejects.toSatisfy(isStorageUnavailable);
    await expect(read).rejects.toThrow('call migrate() first');
    await expect(read).rejects.toHaveProperty('cause.code', '42883');
  });

  it('without the append function causes an error that says what to do', async () => {
    const pool = await database.newDatabase();
    const storage = new PostgresStorage(pool);
    await storage.migrate();
    const room = newRoom();
    await storage.createRoom(room);
    await pool.query('DROP FUNCTION matrix_append_event');
    await expect(invite(storage, room.roomId, '@bob:example.org')).rejects.toThrow('call migrate() first');
    expect(await storage.roomState(room.roomId)).toHaveLength(2);
  });
});

describe('tablePrefix', () => {
  it('separates storages in one database', async () => {
    const pool = database.pool();
    const prefixes = ['one_', 'two_', `${'p'.repeat(39)}_`];
    const storages = prefixes.map((tablePrefix) => new PostgresStorage(pool, { tablePrefix }));
    const room = newRoom();
    for (const storage of storages) {
      await storage.migrate();
      expect(await storage.createRoom(room)).toBe('created');
    }
    for (const [index, storage] of storages.entries()) {
      expect(await invite(storage, room.roomId, `@guest${index}:example.org`)).toMatchObject({
        outcome: 'appended',
      });
    }
    for (const [index, storage] of storages.entries()) {
      const state = await storage.roomState(room.roomId);
      expect(state?.map(({ state_key }) => state_key).sort()).toEqual([
        '',
        ALICE,
        `@guest${index}:example.org`,
      ]);
      const guests = await storage.readState(room.roomId, [member('@guest0:example.org')], inTime());
      expect(guests?.events).toHaveLength(index === 0 ? 1 : 0);
    }
  });

  it.each(['', '1a', 'a-b', 'a b', 'a;b', 'a"', 'ä', 'a\n', 'Matrix_', 'p'.repeat(41)])(
    'throws a TypeError for %j',
    (tablePrefix) => {
      expect(() => new PostgresStorage(database.pool(), { tablePrefix })).toThrow(TypeError);
      expect(() => postgresSchema(tablePrefix)).toThrow(TypeError);
    },
  );
});

describe('the constructor', () => {
  it('does not use the pool', () => {
    const untouchable: PostgresPool = { connect: () => expect.unreachable() };
    expect(() => new PostgresStorage(untouchable)).not.toThrow();
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 31])('throws for a timeout of %d ms', (time) => {
    const pool = database.pool();
    expect(() => new PostgresStorage(pool, { lockTimeoutMs: time })).toThrow(/lockTimeoutMs/);
    expect(() => new PostgresStorage(pool, { queryTimeoutMs: time })).toThrow(/queryTimeoutMs/);
  });
});
