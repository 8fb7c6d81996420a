import { afterAll, beforeAll } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { TestMariadb } from '../../../servers/test-mariadb.ts';
import { hostOn, testLostAnswers } from '../../support/unknown-outcome.ts';

let mariadb: TestMariadb;
beforeAll(async () => {
  mariadb = await TestMariadb.open();
});
afterAll(() => mariadb.close());

let stores = 0;

testLostAnswers('MysqlStorage', async () => {
  stores += 1;
  const store = new MysqlStorage(mariadb.pool({ connectionLimit: 2 }), { tablePrefix: `t${stores}_` });
  await store.migrate();
  return hostOn(store);
});
