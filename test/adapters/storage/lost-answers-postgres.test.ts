import { afterAll, beforeAll } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { hostOn, testLostAnswers } from '../../support/unknown-outcome.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres.close());

let stores = 0;

testLostAnswers('PostgresStorage', async () => {
  stores += 1;
  const store = new PostgresStorage(postgres.pool({ max: 2 }), { tablePrefix: `t${stores}_` });
  await store.migrate();
  return hostOn(store);
});
