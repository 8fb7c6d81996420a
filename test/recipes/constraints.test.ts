import type mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuse as refuseOnMariadb } from '../../examples/recipes/refuse-mariadb.ts';
import { refuse as refuseOnPostgres } from '../../examples/recipes/refuse-postgresql.ts';
import { TestMariadb } from '../../servers/test-mariadb.ts';
import { TestPostgres } from '../../servers/test-postgres.ts';

/** What becomes of an error of the driver: the response to the invite, or the error itself, which is an outage. */
async function rejection(call: Promise<unknown>, refuse: (error: Error) => never) {
  return call.catch(refuse).then(
    () => undefined,
    ({ status, errno, code, cause }: { [name: string]: unknown; cause?: Record<string, unknown> }) => ({
      status,
      number: (cause?.errno ?? errno) as unknown,
      code: (cause?.code ?? code) as unknown,
    }),
  );
}

describe('what constraints of MariaDB reject', () => {
  let database: TestMariadb;
  let pool: mysql.Pool;

  beforeAll(async () => {
    database = await TestMariadb.open();
    pool = database.pool();
    for (const sql of [
      'CREATE TABLE people (name VARCHAR(20) PRIMARY KEY) ENGINE = InnoDB',
      `CREATE TABLE invites (
         name VARCHAR(20) NOT NULL, reason VARCHAR(20) NOT NULL CHECK (reason <> 'checked'), count INT NOT NULL DEFAULT 0,
         FOREIGN KEY (name) REFERENCES people (name)
       ) ENGINE = InnoDB`,
      "INSERT INTO people VALUES ('bob'), ('dave')",
      "INSERT INTO invites (name, reason) VALUES ('bob', 'x')",
      "CREATE VIEW polite AS SELECT name, reason FROM invites WHERE reason <> 'rude' WITH CHECK OPTION",
      `CREATE TRIGGER guard BEFORE INSERT ON invites FOR EACH ROW BEGIN
         IF NEW.reason = 'signal' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF;
         IF NEW.reason = 'own state' THEN SIGNAL SQLSTATE '45001' SET MYSQL_ERRNO = 30001; END IF;
         IF NEW.reason = '3819' THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 3819; END IF;
         IF NEW.reason = '1216' THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1216; END IF;
         IF NEW.reason = '1217' THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1217; END IF;
         IF NEW.reason = 'deadlock' THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF;
       END`,
    ])
      await pool.query(sql);
  });
  afterAll(() => database?.close());

  const insert = 'INSERT INTO invites (name, reason) VALUES ';
  it.each<[name: string, sql: string, number: number, status: number | undefined]>([
    ['a CHECK', `${insert} ('bob', 'checked')`, 4025, 403],
    // MariaDB raises these only for a trigger that does.
    ['a CHECK of MySQL', `${insert} ('bob', '3819')`, 3819, 403],
    ['a missing row that the user of MySQL may not see', `${insert} ('bob', '1216')`, 1216, 403],
    ['a row of such a table in use', `${insert} ('bob', '1217')`, 1217, 403],
    ['a missing row', `${insert} ('nobody', 'x')`, 1452, 403],
    ['a row that is in use', "DELETE FROM people WHERE name = 'bob'", 1451, 403],
    ['a view', "INSERT INTO polite VALUES ('bob', 'rude')", 1369, 403],
    ['SIGNAL', `${insert} ('bob', 'signal')`, 1644, 403],
    ['SIGNAL with another number', `${insert} ('bob', 'own state')`, 30001, 403],
    ['a column that is too short', `${insert} ('bob', '${'x'.repeat(21)}')`, 1406, 500],
    ['NULL', `${insert} ('bob', NULL)`, 1048, 500],
    ['a duplicate', "INSERT INTO people VALUES ('bob')", 1062, 500],
    ['a column without a default', "INSERT INTO invites (name) VALUES ('bob')", 1364, 500],
    ['a value of the wrong type', "INSERT INTO invites VALUES ('bob', 'x', 'many')", 1366, 500],
    ['no constraint: a deadlock', `${insert} ('bob', 'deadlock')`, 1213, undefined],
    ['no constraint: a missing table', 'SELECT * FROM missing', 1146, undefined],
  ])('(%s) have this number and response', async (_, sql, number, status) => {
    expect(await rejection(pool.query(sql), refuseOnMariadb)).toMatchObject({ number, status });
  });
});

describe('what constraints of PostgreSQL reject', () => {
  let database: TestPostgres;

  beforeAll(async () => {
    database = await TestPostgres.open();
    await database.pool().query(`
      CREATE TABLE people (name text PRIMARY KEY);
      CREATE TABLE invites (
        name text NOT NULL REFERENCES people, reason varchar(20) NOT NULL CHECK (reason <> 'checked'), during int4range,
        EXCLUDE USING gist (during WITH &&)
      );
      INSERT INTO people VALUES ('bob');
      INSERT INTO invites VALUES ('bob', 'x', '[1,5]');
      CREATE VIEW polite AS SELECT name, reason FROM invites WHERE reason <> 'rude' WITH CHECK OPTION;
      CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.reason = 'raise' THEN RAISE EXCEPTION 'no'; END IF;
        IF NEW.reason = 'lose' THEN RAISE serialization_failure; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER guard BEFORE INSERT ON invites FOR EACH ROW EXECUTE FUNCTION guard()`);
  });
  afterAll(() => database?.close());

  const insert = 'INSERT INTO invites (name, reason) VALUES ';
  it.each<[name: string, sql: string, code: string, status: number | undefined]>([
    ['a CHECK', `${insert} ('bob', 'checked')`, '23514', 403],
    ['a missing row', `${insert} ('nobody', 'x')`, '23503', 403],
    ['an exclusion', "INSERT INTO invites VALUES ('bob', 'x', '[5,6]')", '23P01', 403],
    ['a view', "INSERT INTO polite VALUES ('bob', 'rude')", '44000', 403],
    ['RAISE EXCEPTION', `${insert} ('bob', 'raise')`, 'P0001', 403],
    ['a column that is too short', `${insert} ('bob', '${'x'.repeat(21)}')`, '22001', 500],
    ['NULL', `${insert} ('bob', NULL)`, '23502', 500],
    ['a duplicate', "INSERT INTO people VALUES ('bob')", '23505', 500],
    ['no constraint: a conflict', `${insert} ('bob', 'lose')`, '40001', undefined],
    ['no constraint: a missing table', 'SELECT * FROM missing', '42P01', undefined],
  ])('(%s) have this code and response', async (_, sql, code, status) => {
    expect(await rejection(database.pool().query(sql), refuseOnPostgres)).toMatchObject({ code, status });
  });
});
