import { afterAll, beforeAll } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { TestMariadb } from '../../../servers/test-mariadb.ts';
import { Child } from '../../support/child.ts';
import { testSharingProcesses } from '../../support/sharing-processes.ts';

let database: TestMariadb;
let storage: MysqlStorage;

beforeAll(async () => {
  database = await TestMariadb.open();
  storage = new MysqlStorage(database.pool());
  await storage.migrate();
});
afterAll(() => database?.close());

testSharingProcesses(
  () => storage,
  (roomId, name, count) => new Child('mysql-invite-stream.ts', database.url, roomId, name, String(count)),
);
