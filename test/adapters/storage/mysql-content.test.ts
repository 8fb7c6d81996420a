import { afterAll, beforeAll } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { TestMariadb } from '../../../servers/test-mariadb.ts';
import { testStoredContent } from '../../support/stored-content.ts';

let database: TestMariadb;
let storage: MysqlStorage;

beforeAll(async () => {
  database = await TestMariadb.open();
  storage = new MysqlStorage(database.pool());
  await storage.migrate();
});
afterAll(() => database?.close());

testStoredContent(
  () => storage,
  async (roomId, { type, state_key }, content) => {
    const sql = 'UPDATE matrix_events SET content = ? WHERE room_id = ? AND type = ? AND state_key = ?';
    await database.pool().query(
      sql,
      [content, roomId, type, state_key].map((text) => Buffer.from(text)),
    );
  },
);
