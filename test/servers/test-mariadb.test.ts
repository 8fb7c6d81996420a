import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MariadbServer } from '../../servers/mariadb-server.ts';
import { TestMariadb } from '../../servers/test-mariadb.ts';

let server: MariadbServer;

beforeAll(async () => {
  server = await MariadbServer.start();
  vi.stubEnv('TEST_MYSQL_URL', server.url);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

it('Test files on the server of TEST_MYSQL_URL have their own databases, and leave nothing behind', async () => {
  const before = await databases();
  const [one, other] = [await TestMariadb.open(), await TestMariadb.open()];
  expect([one.port, other.port]).toEqual([server.port, server.port]);
  for (const file of [one, other]) {
    await file.pool().query('CREATE TABLE rooms (room_id INT)');
    await file.pool({ uri: await file.newDatabase() }).query('CREATE TABLE rooms (room_id INT)');
  }
  expect(await databases()).toHaveLength(before.length + 4);
  await one.close();
  await other.pool().query('INSERT INTO rooms VALUES (1)');
  await other.close();
  expect(await databases()).toEqual(before);
});

it('A commit that MariaDB has acknowledged survives a crash', async () => {
  await server.pool().query('CREATE DATABASE kept');
  await server.pool().query('CREATE TABLE kept.numbers (number INT)');
  for (const number of [1, 2, 3]) await server.pool().query('INSERT INTO kept.numbers VALUES (?)', [number]);
  await server.stop('SIGKILL');
  await server.startAgain();
  const [rows] = await server.pool().query<RowDataPacket[]>('SELECT number FROM kept.numbers');
  expect(rows).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }]);
});

it('A URL without the right to create databases is named', async () => {
  await server.pool().query('CREATE USER guest');
  vi.stubEnv('TEST_MYSQL_URL', `mysql://guest@127.0.0.1:${server.port}`);
  await expect(TestMariadb.open()).rejects.toThrow(
    /^Cannot create a database on the server of TEST_MYSQL_URL: Access denied/,
  );
});

async function databases(): Promise<RowDataPacket[]> {
  const [rows] = await server.pool().query<RowDataPacket[]>('SHOW DATABASES');
  return rows;
}
