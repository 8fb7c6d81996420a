import { afterAll, beforeAll } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { Child } from '../../support/child.ts';
import { testSharingProcesses } from '../../support/sharing-processes.ts';

let database: TestPostgres;
let storage: PostgresStorage;

beforeAll(async () => {
  database = await TestPostgres.open();
  storage = new PostgresStorage(database.pool());
  await storage.migrate();
});
afterAll(() => database?.close());

testSharingProcesses(
  () => storage,
  (roomId, name, count) => new Child('postgres-invite-stream.ts', database.url, roomId, name, String(count)),
);
